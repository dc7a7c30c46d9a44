"""Alert rules: shown, set, and taken away; built-in ones come back then."""

from __future__ import annotations

import msgspec

from pyv_fleet.core.alert_rules import BUILT_IN, AlertRule, RuleError, refuse_rule
from pyv_fleet.core.alerts import RAISED
from pyv_fleet.core.views import AlertRuleBody, AlertRuleView
from pyv_fleet.core.words import AlertName
from pyv_fleet.engine.alert_book import rules_in_force
from pyv_fleet.engine.alert_watch import AlertWatch
from pyv_fleet.engine.audit import AuditLog
from pyv_fleet.engine.errors import Conflict, Invalid, NotFound
from pyv_fleet.engine.ground import Ground, rfc3339_or_none
from pyv_fleet.store import alert_rules
from pyv_fleet.store.alert_rules import RuleRecord

RULES_MAX = 100


class AlertRules:
    """The rules in force."""

    def __init__(self, ground: Ground, audit: AuditLog, watch: AlertWatch) -> None:
        self._ground = ground
        self._audit = audit
        self._watch = watch

    async def every(self) -> tuple[AlertRuleView, ...]:
        """All, by name."""
        async with self._ground.database.read() as connection:
            rules = await rules_in_force(connection)
            stored = {one.name: one for one in await alert_rules.every(connection)}
        return tuple(self._view(name, rule, stored.get(name)) for name, rule in sorted(rules.items()))

    async def get(self, name: str) -> AlertRuleView:
        """One; NotFound."""
        found = next((one for one in await self.every() if one.name == name), None)
        if found is None:
            raise NotFound("no such rule", f"{name!r}; see: pyv-fleet alert rules")
        return found

    async def put(self, name: str, body: AlertRuleBody, actor: str) -> AlertRuleView:
        """Made, or set; the same again changes nothing. Invalid; Conflict for a name that the controller itself uses.

        Its alerts end, and those that hold under the new rule are raised.
        """
        try:
            refuse_rule(name, body.rule)
        except RuleError as why:
            raise Invalid("not a rule", str(why), (str(why),)) from None
        if name in {one.value for one in AlertName}:
            raise Conflict("a name of the controller's own", f"{name}: its own alerts have that name: take another")
        said = msgspec.json.decode(msgspec.json.encode(body.rule))
        async with self._ground.database.begin() as connection:
            stored = {one.name: one for one in await alert_rules.every(connection)}
            if name in stored and stored[name].rule == said:
                return self._view(name, body.rule, stored[name])
            if name not in stored and len(stored) >= RULES_MAX:
                raise Conflict("too many rules", f"at most {RULES_MAX}: delete one first")
            record = RuleRecord(name=name, rule=said, changed_by=actor, changed_at=self._ground.clock())
            await alert_rules.save(connection, record)
            await self._audit.record(connection, actor=actor, act="alert_rule.set", subject=name, reason=body.reason)
        await self._watch.rule_changed(name)
        return await self.get(name)

    async def delete(self, name: str, reason: str, actor: str) -> None:
        """Gone, with its alerts; a built-in one of that name holds again. NotFound; Conflict for a built-in one."""
        async with self._ground.database.begin() as connection:
            if not await alert_rules.delete(connection, name):
                if name in BUILT_IN:
                    raise Conflict("built in", f"{name} comes with the controller: set it with enabled = false instead")
                raise NotFound("no such rule", f"{name!r}; see: pyv-fleet alert rules")
            await self._audit.record(connection, actor=actor, act="alert_rule.delete", subject=name, reason=reason)
        await self._watch.rule_changed(name)

    def _view(self, name: str, rule: AlertRule, stored: RuleRecord | None) -> AlertRuleView:
        page = self._watch.book.pages.get(name)
        firing = 0 if page is None else sum(one.hold.state in RAISED for one in page.held.values()) + len(page.outages)
        return AlertRuleView(
            name=name,
            rule=rule,
            built_in=stored is None,
            firing=firing,
            changed_by=None if stored is None else stored.changed_by,
            changed_at=rfc3339_or_none(None if stored is None else stored.changed_at),
        )

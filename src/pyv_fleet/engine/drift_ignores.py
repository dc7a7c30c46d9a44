"""What channels and groups ignore: looked at, added, taken away; in force with orders that go out at once."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.drift_ignores import (
    Ignore,
    IgnoreRefused,
    as_group_says,
    in_force,
    rules_in,
    rules_of,
    with_rule,
    without,
)
from pyv_fleet.core.policy import unix_ms
from pyv_fleet.core.views import GroupBody, IgnoreBody, IgnoredView, UnignoreBody
from pyv_fleet.engine.audit import AuditLog
from pyv_fleet.engine.channels import known_channel
from pyv_fleet.engine.errors import Invalid, NotFound
from pyv_fleet.engine.ground import Ground, rfc3339
from pyv_fleet.engine.groups import Groups
from pyv_fleet.engine.orders import DAY_MS, Orders
from pyv_fleet.store import channels, groups
from pyv_fleet.store.channels import ChannelRecord


class DriftIgnores:
    """Ignore rules of the whole fleet. A channel's travel in its directive, a group's in its members' assignments."""

    def __init__(self, ground: Ground, orders: Orders, groups_: Groups, audit: AuditLog) -> None:
        self._ground = ground
        self._orders = orders
        self._groups = groups_
        self._audit = audit

    async def every(self) -> tuple[IgnoredView, ...]:
        """All rules, of channels and then of groups; one that ended stays visible for a month."""
        now = self._ground.clock()
        async with self._ground.database.read() as connection:
            of_channels = {one.name: rules_of(one.drift_ignore) for one in await channels.every(connection)}
            of_groups = {one.name: rules_in(one.spec.drift) for one in await groups.every(connection)}
        return (
            *(_view(rule, now, channel=name) for name, rules in of_channels.items() for rule in rules),
            *(_view(rule, now, group=name) for name, rules in of_groups.items() for rule in rules),
        )

    async def add(self, body: IgnoreBody, actor: str) -> tuple[IgnoredView, ...]:
        """All rules with this one; it takes the place of one for the same pointer. NotFound, Invalid."""
        now = self._ground.clock()
        rule = Ignore(pointer=body.pointer, reason=body.reason, until=_end(body, now), by=actor, at=now)
        try:
            rules = with_rule(await self._rules(body), rule, now)
        except IgnoreRefused as why:
            raise Invalid("not to be ignored", str(why), why.errors) from None
        said = f"{rule.pointer} until {rfc3339(rule.until).isoformat(timespec='minutes')}: {rule.reason}"
        await self._keep(body, rules, actor=actor, act="drift.ignore", reason=said)
        return await self.every()

    async def remove(self, body: UnignoreBody, actor: str) -> tuple[IgnoredView, ...]:
        """All rules without the one for this pointer: drift there counts again. NotFound."""
        left = without(await self._rules(body), body.pointer)
        if left is None:
            raise NotFound("no such rule", f"{_whose(body)} does not ignore {body.pointer}")
        await self._keep(body, left, actor=actor, act="drift.heed", reason=f"{body.pointer}: {body.reason}")
        return await self.every()

    async def _rules(self, body: IgnoreBody | UnignoreBody) -> tuple[Ignore, ...]:
        if (body.channel is None) == (body.group is None):
            raise Invalid("whose", "name a channel or a group, one of them", ("channel: required, or group",))
        if body.group is not None:
            return rules_in((await self._groups.get(body.group)).spec.drift)
        async with self._ground.database.read() as connection:
            return rules_of((await known_channel(connection, str(body.channel))).drift_ignore)

    async def _keep(
        self, body: IgnoreBody | UnignoreBody, rules: Sequence[Ignore], *, actor: str, act: str, reason: str
    ) -> None:
        if body.group is not None:
            spec = (await self._groups.get(body.group)).spec
            drift = replace(spec.drift, ignore=as_group_says(rules))
            await self._groups.put(body.group, GroupBody(spec=replace(spec, drift=drift), reason=reason[:512]), actor)
        async with self._ground.database.begin() as connection:
            if body.channel is not None:
                await self._order(connection, await known_channel(connection, body.channel), rules, actor)
            await self._audit.record(connection, actor=actor, act=act, subject=_whose(body), reason=reason)
        await self._orders.publish_pending()

    async def _order(
        self, connection: AsyncConnection, record: ChannelRecord, rules: Sequence[Ignore], actor: str
    ) -> None:
        now = self._ground.clock()
        before = in_force(rules_of(record.drift_ignore), now)
        await channels.save(connection, replace(record, drift_ignore=msgspec.to_builtins(list(rules))))
        if in_force(rules, now) != before:
            await self._orders.reissue(connection, record.name, reason="changed what is ignored", actor=actor)


def _whose(body: IgnoreBody | UnignoreBody) -> str:
    return f"group {body.group}" if body.channel is None else f"channel {body.channel}"


def _end(body: IgnoreBody, now_ms: int) -> int:
    if body.until is not None and body.days is None:
        return unix_ms(body.until)
    if body.until is None and body.days is not None:
        return now_ms + body.days * DAY_MS
    raise Invalid("until when", "name an end: `until` or `days`, one of them", ("until: required, or days",))


def _view(rule: Ignore, now_ms: int, *, channel: str | None = None, group: str | None = None) -> IgnoredView:
    return IgnoredView(
        channel=channel,
        group=group,
        pointer=rule.pointer,
        reason=rule.reason,
        until=rfc3339(rule.until),
        set_by=rule.by or None,
        set_at=rfc3339(rule.at) if rule.at else None,
        in_force=rule.until > now_ms,
    )

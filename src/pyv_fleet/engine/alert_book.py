"""What stands under the alert rules: in memory, and in the store so that a restart changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.alert_facts import Samples
from pyv_fleet.core.alert_round import Held, Round
from pyv_fleet.core.alert_rules import BUILT_IN, AlertRule, rule_of
from pyv_fleet.core.alerts import Hold, due_ms
from pyv_fleet.core.outages import Outage
from pyv_fleet.store import alert_rules
from pyv_fleet.store.alert_rules import HoldRecord, OutageRecord


@dataclass
class Page:
    """One rule and what stands under it."""

    rule: AlertRule
    held: dict[str, Held] = field(default_factory=dict)
    outages: dict[str, Outage] = field(default_factory=dict)
    #: of rates alone, by device
    samples: dict[str, Samples] = field(default_factory=dict)
    #: when a device must be looked at though nothing was heard of it
    due: dict[str, int] = field(default_factory=dict)

    def take(self, device_id: str, held: Held | None) -> None:
        """This stands for it now."""
        if held is None:
            self.held.pop(device_id, None)
        else:
            self.held[device_id] = held
        at = due_ms(self.rule, None if held is None else held.hold)
        if at is None:
            self.due.pop(device_id, None)
        else:
            self.due[device_id] = at


class Book:
    """All rules in force, by name. The store is written first, in the transaction of the alerts; then `turn`."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}

    async def load(self, connection: AsyncConnection) -> None:
        """As the store has it: at the start."""
        self.pages = {name: Page(rule) for name, rule in (await rules_in_force(connection)).items()}
        for one in await alert_rules.holds(connection):
            if one.rule in self.pages:
                held = Held(Hold(state=one.state, since=one.since, at=one.at), one.value)
                self.pages[one.rule].take(one.device_id, held)
        for out in await alert_rules.outages(connection):
            if out.rule in self.pages:
                self.pages[out.rule].outages[out.value] = Outage(state=out.state, onset=out.onset, at=out.at)

    def due(self, now_ms: int) -> set[str]:
        """Devices to look at though nothing was heard of them."""
        return {device_id for page in self.pages.values() for device_id, at in page.due.items() if at <= now_ms}

    def turn(self, name: str, found: Round) -> None:
        """What a round changed, once it is stored."""
        page = self.pages[name]
        for device_id, held in found.holds.items():
            page.take(device_id, held)
        for value, tally in found.tallies.items():
            if tally.outage is None:
                page.outages.pop(value, None)
            else:
                page.outages[value] = tally.outage


async def store_round(connection: AsyncConnection, name: str, page: Page, found: Round) -> None:
    """Write what a round changes."""
    holds = [
        HoldRecord(rule=name, device_id=one, state=held.hold.state, since=held.hold.since, at=held.hold.at,
                   value=held.value)
        for one, held in found.holds.items()
        if held is not None
    ]  # fmt: skip
    await alert_rules.set_holds(connection, name, holds, _gone(found.holds))
    label = "" if page.rule.correlate is None else page.rule.correlate.label
    changed = {value: one.outage for value, one in found.tallies.items() if one.outage != page.outages.get(value)}
    outages = [
        OutageRecord(rule=name, value=value, label=label, state=one.state, onset=one.onset, at=one.at)
        for value, one in changed.items()
        if one is not None
    ]
    await alert_rules.set_outages(connection, name, outages, _gone(changed))


async def rules_in_force(connection: AsyncConnection) -> dict[str, AlertRule]:
    """Built-in ones and those that were set, by name."""
    return dict(BUILT_IN) | {one.name: rule_of(one.rule) for one in await alert_rules.every(connection)}


def _gone(changed: Mapping[str, object | None]) -> Iterable[str]:
    return [key for key, what in changed.items() if what is None]

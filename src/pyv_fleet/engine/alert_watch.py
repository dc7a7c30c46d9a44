"""Looks at devices by the alert rules: those of which something was heard, and those whose time has come.

A look costs nothing in the store while all is quiet: what came is looked at as it was stored, in memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.alert_facts import Facts, Reading, Samples, reading, sampled
from pyv_fleet.core.alert_round import Looked, Round, restless, round_of, to_count, value_of
from pyv_fleet.core.alert_rules import Rate, State
from pyv_fleet.core.alert_sentences import detail_of, outage_detail
from pyv_fleet.core.alerts import Move
from pyv_fleet.core.outages import subject_of
from pyv_fleet.core.words import DeviceCondition
from pyv_fleet.engine.alert_book import Book, Page, store_round
from pyv_fleet.engine.alerting import Alerting
from pyv_fleet.engine.goldens import Goldens, Look
from pyv_fleet.engine.ground import Ground
from pyv_fleet.store import alert_rules, devices, status
from pyv_fleet.store import orders as directives
from pyv_fleet.store.records import chunks
from pyv_fleet.store.status import Filter, Known
from pyvorin_edge.vocabulary import Connectivity

OF_UPDATES: Final = (DeviceCondition.OVERDUE, DeviceCondition.UPDATE_FAILED)


class AlertWatch:
    """Raises and resolves what the rules say. `heard_since`: since when the controller listens (Unix ms)."""

    def __init__(self, ground: Ground, goldens: Goldens, alerting: Alerting, heard_since: Callable[[], int]) -> None:
        self._ground = ground
        self._goldens = goldens
        self._alerting = alerting
        self._heard_since = heard_since
        self._changed: dict[str, Known] = {}
        self._lock = asyncio.Lock()
        self._loaded = False
        self.book = Book()

    def stored(self, changed: Iterable[Known]) -> None:
        """These devices were heard, or fell silent; told by the intake after each commit."""
        self._changed |= {known.device.device_id: known for known in changed}

    async def tick(self, *, listening: bool) -> None:
        """Look at what changed; `listening`: the controller hears its fleet, so that time counts."""
        async with self._lock:
            await self._load()
            changed, self._changed = self._changed, {}
            try:
                await self._look(await self._with_due(changed) if listening else changed, self._names(of_updates=False))
            except BaseException:
                self._changed = changed | self._changed
                raise

    async def look_at_updates(self) -> None:
        """What depends on orders as well as on devices is looked at by itself, now and then."""
        async with self._lock:
            await self._load()
            names = self._names(of_updates=True)
            if not any(self.book.pages[name].rule.enabled for name in names):
                return
            async with self._ground.database.read() as connection:
                current = await directives.current_all(connection)
                only = {one: it.rules[0].release if len(it.rules) == 1 else None for one, it in current.items()}
                ids = await devices.behind(connection, only)
            held = {one for name in names for one in self.book.pages[name].held}
            for some in chunks({*ids, *held}):
                async with self._ground.database.read() as connection:
                    found = await status.get_many(connection, some)
                    look = await self._goldens.look_at(connection, list(found.values()), self._ground.clock())
                await self._look(found, names, look)
                await asyncio.sleep(0)

    async def rule_changed(self, name: str) -> None:
        """A rule was set or deleted: what stood under it is over, and all devices are looked at anew."""
        async with self._lock:
            await self._load()
            async with self._ground.database.begin() as connection:
                await alert_rules.forget_rule(connection, name)
                await self._alerting.resolve_rule(connection, name)
            async with self._ground.database.read() as connection:
                await self.book.load(connection)
            await self._look_at_all(Filter(), [one for one in self._names(of_updates=False) if one == name])

    async def _load(self) -> None:
        """At the first look: what stood, and every device that is not there."""
        if self._loaded:
            return
        async with self._ground.database.read() as connection:
            await self.book.load(connection)
        self._loaded = True
        for connectivity in (Connectivity.OFFLINE, Connectivity.LOST):
            await self._look_at_all(Filter(connectivity=connectivity), self._names(of_updates=False))

    async def _look_at_all(self, wanted: Filter, names: Sequence[str]) -> None:
        after: str | None = None
        more = bool(names)
        while more:
            async with self._ground.database.read() as connection:
                found, more, _ = await status.find_page(connection, wanted, after, 500)
            await self._look({known.device.device_id: known for known in found}, names)
            after = found[-1].device.device_id if found else None
            await asyncio.sleep(0)

    def _names(self, *, of_updates: bool) -> list[str]:
        return [name for name, page in self.book.pages.items() if _is_of_updates(page) == of_updates]

    async def _with_due(self, changed: Mapping[str, Known]) -> dict[str, Known | None]:
        missing = self.book.due(self._ground.clock()) - changed.keys()
        if not missing:
            return dict(changed)
        async with self._ground.database.read() as connection:
            found = await status.get_many(connection, missing)
        return dict(changed) | {one: found.get(one) for one in missing}

    async def _look(self, found: Mapping[str, Known | None], names: Sequence[str], look: Look | None = None) -> None:
        now, since = self._ground.clock(), self._heard_since()
        facts = {one: None if known is None else facts_of(known, since, look) for one, known in found.items()}
        looked = {name: self._read(self.book.pages[name], facts, now) for name in names}
        busy = [name for name in names if looked[name] or _is_restless(self.book.pages[name])]
        if not busy:
            return
        rounds: dict[str, Round] = {}
        async with self._ground.database.begin() as connection:
            for name in busy:
                rounds[name] = await self._round(connection, name, looked[name], facts, now)
        for name, one in rounds.items():
            self.book.turn(name, one)

    def _read(self, page: Page, facts: Mapping[str, Facts | None], now: int) -> list[Looked]:
        """What the rule says of each, without those for which all is quiet."""
        looked = []
        for device_id, one in facts.items():
            held = page.held.get(device_id)
            if one is None:
                looked.append(Looked(device_id, Reading.NOT_MEANT, held.value if held else ""))
                continue
            found = reading(page.rule, one, self._sample(page, one, now), now)
            if held is not None or found is Reading.HOLDS:
                looked.append(Looked(device_id, found, value_of(page.rule, one.labels)))
        return looked

    def _sample(self, page: Page, facts: Facts, now: int) -> Samples:
        if not isinstance(page.rule.when, Rate):
            return Samples()
        found = sampled(page.samples.get(facts.device_id, Samples()), facts, page.rule.when, now)
        page.samples[facts.device_id] = found
        return found

    async def _round(
        self, connection: AsyncConnection, name: str, looked: list[Looked], facts: Mapping[str, Facts | None], now: int
    ) -> Round:
        page = self.book.pages[name]
        totals = {
            value: await self._population(connection, page, value)
            for value in to_count(page.rule, page.held, page.outages, looked, now)
        }
        found = round_of(page.rule, page.held, page.outages, looked, totals, now)
        await store_round(connection, name, page, found)
        for device_id in found.resolved:
            await self._alerting.resolve(connection, name, device_id)
        for device_id, one in (await self._facts_of_raised(connection, found, facts)).items():
            await self._raise(connection, name, page, device_id, one)
        await self._tell_outages(connection, name, page, found)
        return found

    async def _population(self, connection: AsyncConnection, page: Page, value: str) -> int:
        label = "" if page.rule.correlate is None else page.rule.correlate.label
        return await alert_rules.population(connection, label, value, page.rule.where, page.rule.channel)

    async def _facts_of_raised(
        self, connection: AsyncConnection, found: Round, facts: Mapping[str, Facts | None]
    ) -> dict[str, Facts]:
        known = {one: facts.get(one) for one in found.raised}
        missing = [one for one, what in known.items() if what is None]
        more = await status.get_many(connection, missing) if missing else {}
        since = self._heard_since()
        return {
            one: what if what is not None else facts_of(more[one], since)
            for one, what in known.items()
            if what is not None or one in more
        }

    async def _raise(self, connection: AsyncConnection, name: str, page: Page, device_id: str, facts: Facts) -> None:
        detail, code = detail_of(page.rule, facts)
        await self._alerting.raise_alert(
            connection,
            name,
            detail=detail,
            device_id=device_id,
            severity=page.rule.severity,
            labels=facts.labels,
            rule=True,
            code=code,
        )

    async def _tell_outages(self, connection: AsyncConnection, name: str, page: Page, found: Round) -> None:
        terms = page.rule.correlate
        for value, tally in found.tallies.items() if terms is not None else ():
            assert terms is not None
            subject = subject_of(terms.label, value)
            if tally.move is Move.RESOLVE:
                await self._alerting.resolve(connection, name, subject)
            elif tally.outage is not None:
                await self._alerting.raise_alert(
                    connection,
                    name,
                    detail=outage_detail(page.rule, terms.label, value, tally),
                    subject=subject,
                    severity=terms.severity,
                    labels={terms.label: value} if value else {},
                    rule=True,
                )


def facts_of(known: Known, heard_since: int, look: Look | None = None) -> Facts:
    """A device as rules see it."""
    device, said = known
    return Facts(
        device_id=device.device_id,
        channel=device.channel,
        labels=device.labels,
        connectivity=said.connectivity,
        health_status=said.health_status,
        standing=said.standing,
        lag=None if look is None else look.lag(known, look.target(known)),
        lag_known=look is not None,
        figures={
            "cpu_percent": said.cpu_percent,
            "ram_percent": said.ram_percent,
            "disk_percent": said.disk_percent,
            "temperature": said.temperature,
            "queue_depth": said.queue_depth,
        },
        health=said.health,
        boot=said.boot,
        heard=said.last_seen is not None and said.last_seen >= heard_since,
        quarantined=device.quarantined,
    )


def _is_of_updates(page: Page) -> bool:
    return isinstance(page.rule.when, State) and page.rule.when.state in OF_UPDATES


def _is_restless(page: Page) -> bool:
    return bool(restless(page.rule, page.held, page.outages))

"""Looks at open rollouts: reads what their members say, lets the core judge it, and says what event follows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.clearance import obstacle
from pyv_fleet.core.members import Facts, Terms, cause_sentence
from pyv_fleet.core.policy import Freeze, Herd
from pyv_fleet.core.rollout import Rollout
from pyv_fleet.core.rollout_events import AllBack, Event, LastWaveGood, WaveBad, WaveGood, WaveUnclear
from pyv_fleet.core.verdict import Wave, judge, relapse, standing_of
from pyv_fleet.core.words import MemberStanding, RolloutState, Verdict
from pyv_fleet.engine.analysis import Analyses
from pyv_fleet.engine.ground import Ground
from pyv_fleet.engine.releases import golden_hash_of, release_of
from pyv_fleet.engine.rollout_views import facts_of, is_back, judged, machine_of, wave_of
from pyv_fleet.store import channels, releases, rollouts, status
from pyv_fleet.store import orders as directives
from pyv_fleet.store.rollouts import RolloutRecord, WaveRecord
from pyv_fleet.store.status import Known
from pyvorin_edge.cadence import lost_after_seconds
from pyvorin_edge.orders import BundleRef, Pace
from pyvorin_edge.vocabulary import Connectivity

LOOK_MS: Final = 2_000
"""A rollout of whose devices nothing was heard is looked at so often all the same: silence, too, is judged."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a look at a rollout showed."""

    record: RolloutRecord
    #: the wave as it is to be stored
    wave: WaveRecord | None = None
    #: what became of its members, by id, once it is judged
    outcomes: dict[str, str] = {}
    event: Event | None = None
    changed: bool = False


class Watch:
    """Which rollouts are due for a look, and the look."""

    def __init__(self, ground: Ground, analyses: Analyses) -> None:
        self._ground = ground
        self._analyses = analyses
        self._touched: set[str] = set()
        self._next: dict[str, int] = {}
        self._golden: dict[tuple[str, str], str | None] = {}
        #: by release and baseline
        self._other_code: dict[tuple[str, str | None], bool] = {}

    def touch(self, channel_names: Iterable[str]) -> None:
        """Something of these channels changed."""
        self._touched.update(channel_names)

    async def due(self) -> list[RolloutRecord]:
        """The open rollouts to look at now."""
        now = self._ground.clock()
        touched, self._touched = self._touched, set()
        async with self._ground.database.read() as connection:
            found = await rollouts.open_ones(connection)
        self._next = {record.id: self._next.get(record.id, 0) for record in found}
        return [record for record in found if record.channel in touched or self._next[record.id] <= now]

    async def look(self, rollout_id: str) -> Found | None:
        """What is to be seen of a rollout now; none if it has ended or stands still by itself."""
        now = self._ground.clock()
        self._next[rollout_id] = now + LOOK_MS
        async with self._ground.database.read() as connection:
            record = await rollouts.get(connection, rollout_id)
            if record is None:
                return None
            match record.state:
                case RolloutState.ROLLING:
                    return await self._look_at_wave(connection, record, now)
                case RolloutState.WAITING:
                    return await self._look_at_waiting(connection, record, now)
                case RolloutState.REVERTING:
                    return await _look_at_return(connection, record, now)
                case _:
                    return None

    async def standings(
        self, connection: AsyncConnection, record: RolloutRecord, number: int
    ) -> Iterator[tuple[str, MemberStanding, str]]:
        """Each member of the wave under way by id: where it stands now, and what happened to it in a sentence."""
        at, now = machine_of(record), self._ground.clock()
        terms = await self._terms(connection, at)
        facts = await self._facts(connection, at, number)
        found = [(one, standing_of(one, terms, now)) for one in facts]
        return ((one.device_id, standing, cause_sentence(one, standing, terms)) for one, standing in found)

    async def _look_at_wave(self, connection: AsyncConnection, record: RolloutRecord, now: int) -> Found:
        at = machine_of(record)
        waves = await rollouts.waves_of(connection, record.id)
        stored = waves[at.wave]
        terms = await self._terms(connection, at)
        members = await self._facts(connection, at, at.wave)
        wave, tally = judge(wave_of(stored), terms, members, now)
        wave, seen = await self._analyses.joined(connection, at.plan, waves, wave, terms, now)
        if wave.applied_at is not None and wave.verdict is None:
            self._next[record.id] = min(self._next[record.id], wave.applied_at + terms.soak_seconds * 1000)
        new = judged(stored, wave, tally, seen)
        outcomes = {} if wave.verdict is None else _outcomes(members, terms, now)
        return Found(record=record, wave=new, outcomes=outcomes, event=_event_of(at, wave, now), changed=new != stored)

    async def _look_at_waiting(self, connection: AsyncConnection, record: RolloutRecord, now: int) -> Found:
        """The wave before may still turn bad; else the next one opens as soon as nothing stands in its way."""
        at = machine_of(record)
        if at.opened:
            late = relapse(await self._terms(connection, at), await self._facts(connection, at, at.wave - 1), now)
            if late is not None:
                return Found(record=record, event=WaveBad(at=now, because=late), changed=True)
        waits = await obstacle_of(connection, at, now)
        return Found(record=record, changed=waits is None or waits != at.because)

    async def _facts(self, connection: AsyncConnection, at: Rollout, number: int) -> list[Facts]:
        plan = at.plan
        members = await rollouts.members_of(connection, plan.id, number)
        known = await status.get_many(connection, [member.device_id for member in members])
        return [
            facts_of(member, one, at, await self._golden_hash(connection, plan.release, one))
            for member in members
            if (one := known.get(member.device_id)) is not None
        ]

    async def _terms(self, connection: AsyncConnection, at: Rollout) -> Terms:
        plan, channel = at.plan, await channels.get(connection, at.plan.channel)
        pace = (
            Pace()
            if channel is None
            else Pace(beat_seconds=channel.beat_seconds, report_seconds=channel.report_seconds)
        )
        return Terms(
            release=plan.release,
            attempt=at.attempt,
            budgets=plan.budgets,
            soak_seconds=at.planned.soak_seconds,
            deadline_seconds=plan.deadline_seconds,
            lost_seconds=lost_after_seconds(pace) if plan.silent_seconds is None else plan.silent_seconds,
            success_permyriad=at.planned.success_permyriad,
            deferred_seconds=plan.deferred_seconds,
            other_code=await self._brings_other_code(connection, plan.release, plan.baseline),
            skipped=frozenset(at.skipped),
            herd=None if channel is None or channel.herd is None else msgspec.convert(channel.herd, Herd),
        )

    async def _brings_other_code(self, connection: AsyncConnection, release: str, baseline: str | None) -> bool:
        """Remembered: what a release names never changes."""
        key = (release, baseline)
        if key not in self._other_code:
            new, old = [await _bundle(connection, digest) for digest in key]
            self._other_code[key] = new is not None and new != old
        return self._other_code[key]

    async def _golden_hash(self, connection: AsyncConnection, release: str, known: Known) -> str | None:
        """Remembered: a hash of (release, overlay) never changes."""
        key = (release, known.device.overlay_digest)
        if key not in self._golden:
            self._golden[key] = await golden_hash_of(connection, release, known.device.overlay)
        return self._golden[key]


async def obstacle_of(connection: AsyncConnection, at: Rollout, now: int) -> str | None:
    """What stands in the way of its next wave now."""
    channel = await channels.get(connection, at.plan.channel)
    freezes = [] if channel is None else [msgspec.convert(one, Freeze) for one in channel.freezes]
    return obstacle(at, freezes, now)


async def _look_at_return(connection: AsyncConnection, record: RolloutRecord, now: int) -> Found:
    """Back are all when every member that is online runs the baseline by its own word; the others follow on return."""
    at = machine_of(record)
    baseline, standing = at.plan.baseline, await directives.current(connection, record.channel)
    if baseline is None or standing is None:
        return Found(record=record)
    members = await rollouts.members_of(connection, record.id, max(0, at.opened - 1))
    known = (await status.get_many(connection, [member.device_id for member in members])).values()
    away = [one for one in known if one.status.connectivity is not Connectivity.ONLINE]
    missing = [one for one in known if one not in away and not is_back(one, baseline, standing)]
    if missing and now < at.since + at.plan.deadline_seconds * 1000:
        return Found(record=record)
    release = await releases.get(connection, baseline)
    version = baseline[:12] if release is None else release.version
    said = f"{len(known) - len(away) - len(missing)} of {len(known)} devices are back on {version}"
    be = "is not online and follows on its return" if len(away) == 1 else "are not online and follow on their return"
    said += f", {len(away)} {be}" if away else ""
    said += f", {missing[0].device.device_id} is not" if missing else ""
    return Found(record=record, event=AllBack(at=now, because=said), changed=True)


async def _bundle(connection: AsyncConnection, digest: str | None) -> BundleRef | None:
    record = None if digest is None else await releases.get(connection, digest)
    return None if record is None else release_of(record).bundle


def _event_of(at: Rollout, wave: Wave, now: int) -> Event | None:
    match wave.verdict:
        case None:
            return None
        case Verdict.GOOD:
            kind: type[Event] = LastWaveGood if at.last_wave else WaveGood
        case Verdict.BAD:
            kind = WaveBad
        case Verdict.INCONCLUSIVE:
            kind = WaveUnclear
    return kind(at=now, because=wave.because)


def _outcomes(members: list[Facts], terms: Terms, now: int) -> dict[str, str]:
    """Of those that did not simply take it."""
    standings = {facts.device_id: standing_of(facts, terms, now) for facts in members}
    return {
        device_id: standing.value
        for device_id, standing in standings.items()
        if standing is not MemberStanding.COMMITTED
    }

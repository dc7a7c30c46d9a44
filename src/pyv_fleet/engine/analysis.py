"""Canary analysis between store, Prometheus and core: who is compared, what is new of them at a look, what is seen.

What devices were like before a rollout is in the store from its first look on; what was heard of a wave since is in
memory. A controller that starts anew compares anew, as it lets the clocks of open waves begin anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.analysis import assess, join, window_ms, yardsticks
from pyv_fleet.core.analysis_terms import AnalysisTerms, OwnMetric
from pyv_fleet.core.comparison import Before, Comparison, Sample
from pyv_fleet.core.control_group import drawn_groups, fewer, figures_of, totals_of
from pyv_fleet.core.members import Terms
from pyv_fleet.core.own_metrics import (
    Bounds,
    NoValue,
    after_no_value,
    after_values,
    after_values_by_device,
    judged,
    query_for,
    unasked,
    value_of,
    values_of,
)
from pyv_fleet.core.policy import HoldOut
from pyv_fleet.core.rollout import Plan
from pyv_fleet.core.verdict import AFTER_SWITCH, Wave
from pyv_fleet.core.views.analysis import AnalysisView, MeasureView
from pyv_fleet.core.waves import Candidate, Line, in_any
from pyv_fleet.engine.errors import Invalid
from pyv_fleet.engine.ground import Ground
from pyv_fleet.engine.rollout_effects import lines_of
from pyv_fleet.engine.rollout_plans import follows_rules
from pyv_fleet.store import channels, compared, devices
from pyv_fleet.store.channels import ChannelRecord
from pyv_fleet.store.compared import ComparedRecord, SaidRecord
from pyv_fleet.store.rollouts import WaveRecord
from pyvorin_edge.vocabulary import Connectivity, HealthStatus, Outcome

FORGET_MS: Final = 600_000
NOT_DRAWN: Final = "its devices were not drawn by lot, or it leaves nobody out: the budgets decide alone"
NO_PROMETHEUS: Final = "no Prometheus is set: write prometheus.url into fleet.toml"
_WELL: Final = (HealthStatus.HEALTHY, HealthStatus.DEGRADED)


class Asks(Protocol):
    """What answers queries: link/prometheus.py."""

    def ask(self, query: str) -> Awaitable[dict[str, Any]]:
        """The answer as it came; NoValue says why there is none."""


@dataclass(frozen=True)
class Subject:
    """A wave that is looked at."""

    rollout_id: str
    channel: str
    release: str
    attempt: int
    salt: str
    #: up to the wave's own
    lines: Sequence[Line]
    terms: AnalysisTerms
    soak_seconds: int


@dataclass
class _Run:
    """What was heard of a wave since it began."""

    started_at: int
    wave: int
    terms: AnalysisTerms
    comparison: Comparison
    window_ms: int
    #: whether each compared device is in the wave
    groups: Mapping[str, bool]
    heard: dict[str, SaidRecord] = field(default_factory=dict)
    bounds: dict[str, Bounds] = field(default_factory=dict)
    asked_at: dict[str, int] = field(default_factory=dict)
    looked_at: int = 0

    def ids(self, *, wave: bool) -> list[str]:
        """Of one group."""
        return [one for one, in_wave in self.groups.items() if in_wave is wave]


class Analyses:
    """The analyses of open waves; `ask` wants to be called every few seconds."""

    def __init__(self, ground: Ground, prometheus: Asks | None = None) -> None:
        self._ground = ground
        self._prometheus = prometheus
        self._runs: dict[str, _Run] = {}
        #: one look at a time: two that begin together would write down twice what was before
        self._turn = asyncio.Lock()

    def refuse_unaskable(self, terms: AnalysisTerms) -> None:
        """Invalid for metrics that nobody could be asked for: each wave would end inconclusive, hours later."""
        if self._prometheus is None and terms.enabled and terms.metrics:
            names = ", ".join(metric.name for metric in terms.metrics)
            raise Invalid("metrics", f"{names}: {NO_PROMETHEUS}", (f"analysis.metrics: {NO_PROMETHEUS}",))

    async def look(self, connection: AsyncConnection, subject: Subject, wave: Wave, now: int) -> AnalysisView | None:
        """What is to be seen of a wave now; none where the rollout wants no analysis."""
        if not subject.terms.enabled:
            return None
        async with self._turn:
            return await self._looked(connection, subject, wave, now)

    async def joined(
        self, connection: AsyncConnection, plan: Plan, waves: Sequence[WaveRecord], wave: Wave, terms: Terms, now: int
    ) -> tuple[Wave, dict[str, Any] | None]:
        """The wave by the worse of both verdicts, and what was seen as it is stored; `waves` are the rollout's."""
        subject = Subject(
            rollout_id=plan.id,
            channel=plan.channel,
            release=terms.release,
            attempt=terms.attempt,
            salt=plan.salt,
            lines=lines_of(waves[: wave.number + 1]),
            terms=plan.analysis,
            soak_seconds=terms.soak_seconds,
        )
        seen = await self.look(connection, subject, wave, now)
        return join(wave, seen, now), None if seen is None else msgspec.to_builtins(seen)

    async def ask(self) -> None:
        """Ask for the users' own metrics whose time has come; a wave that is no longer looked at is forgotten."""
        now = self._ground.clock()
        self._runs = {one: run for one, run in self._runs.items() if now - run.looked_at < FORGET_MS}
        if self._prometheus is None:
            return
        due = [
            (run, metric) for run in self._runs.values() for metric in run.terms.metrics if _is_due(run, metric, now)
        ]
        await asyncio.gather(*(self._ask(self._prometheus, run, metric) for run, metric in due))

    async def _looked(self, connection: AsyncConnection, subject: Subject, wave: Wave, now: int) -> AnalysisView:
        run = self._runs.get(subject.rollout_id)
        if run is None or (run.wave, run.started_at) != (wave.number, wave.started_at):
            run = self._runs[subject.rollout_id] = await self._begun(connection, subject, wave)
        run.looked_at = now
        said = await compared.said_by(connection, run.groups)
        run.comparison.see(await _samples(connection, run, said, subject), now)
        run.comparison.look(now, wave.applied_at, run.window_ms)
        return assess(run.comparison, run.terms, self._own(run), why_not=None if run.groups else NOT_DRAWN)

    async def _begun(self, connection: AsyncConnection, subject: Subject, wave: Wave) -> _Run:
        channel = await channels.get(connection, subject.channel)
        followers = [] if channel is None else await _population(connection, channel)
        before = {record.device_id: record for record in await self._before(connection, subject, followers)}
        drawn = drawn_groups(subject.lines, subject.salt, followers)
        groups = fewer({device_id: in_wave for device_id, in_wave in drawn.items() if device_id in before})
        population = [
            Before(device_id=one, wave=in_wave, figures=before[one].figures, totals=before[one].totals)
            for one, in_wave in groups.items()
        ]
        beat_seconds = 0 if channel is None else channel.beat_seconds
        sticks = yardsticks(subject.terms, beat_seconds=beat_seconds, soak_seconds=subject.soak_seconds)
        return _Run(
            started_at=wave.started_at,
            wave=wave.number,
            terms=subject.terms,
            comparison=Comparison(population, sticks, wave.started_at),
            window_ms=window_ms(subject.soak_seconds, beat_seconds),
            groups=groups,
        )

    async def _before(
        self, connection: AsyncConnection, subject: Subject, followers: Sequence[Candidate]
    ) -> list[ComparedRecord]:
        """As they were before the rollout: written down at its first look, when it has hardly been published."""
        known = await compared.of(connection, subject.rollout_id)
        if known:
            return known
        ids = [device.device_id for device in followers]
        well = [one for one in await compared.said_by(connection, ids) if _was_well(one, subject)]
        health = await compared.health_of(connection, [one.device_id for one in well])
        found = [
            ComparedRecord(
                rollout_id=subject.rollout_id,
                device_id=one.device_id,
                figures=figures_of(one.cpu_percent, one.ram_percent, one.queue_depth),
                totals=totals_of(one.boot, health.get(one.device_id)),
            )
            for one in well
        ]
        async with self._ground.database.begin() as writing:
            await compared.freeze(writing, found)
        return found

    def _own(self, run: _Run) -> list[MeasureView]:
        if self._prometheus is None:
            return [unasked(metric, NO_PROMETHEUS) for metric in run.terms.metrics]
        views = (judged(run.bounds.get(metric.name, Bounds()), metric) for metric in run.terms.metrics)
        return [view for view in views if view is not None]

    async def _ask(self, prometheus: Asks, run: _Run, metric: OwnMetric) -> None:
        run.asked_at[metric.name] = self._ground.clock()
        before = run.bounds.get(metric.name, Bounds())
        try:
            run.bounds[metric.name] = await _answered(prometheus, run, metric, before)
        except NoValue as why:
            run.bounds[metric.name] = after_no_value(before, metric, str(why))


async def _population(connection: AsyncConnection, channel: ChannelRecord) -> list[Candidate]:
    """The devices that reach the rules that a rollout makes: unpinned, not quarantined, not held out."""
    found = await devices.every(connection, channel.name)
    held_out = [Line(where=msgspec.convert(one, HoldOut).where) for one in channel.hold_outs]
    candidates = [Candidate(one.device_id, one.labels) for one in found if follows_rules(one)]
    return [one for one in candidates if not in_any(held_out, "", one)]


async def _answered(prometheus: Asks, run: _Run, metric: OwnMetric, before: Bounds) -> Bounds:
    if not metric.grouped:
        values = values_of(await prometheus.ask(metric.query))
        run.comparison.read(metric.name, values)
        return after_values_by_device(before, metric, [values[one] for one in run.ids(wave=True) if one in values])
    groups = [(True, "wave")] + ([(False, "control")] if metric.control_times is not None else [])
    found = []
    for of_wave, name in groups:
        ids = run.ids(wave=of_wave)
        if not ids:
            raise NoValue(f"no device of the {name} is compared")
        found.append(value_of(await prometheus.ask(query_for(metric, ids))))
    return after_values(before, metric, found[0], found[1] if len(found) > 1 else None)


def _is_due(run: _Run, metric: OwnMetric, now: int) -> bool:
    return now - run.asked_at.get(metric.name, 0) >= metric.every_seconds * 1000


def _was_well(said: SaidRecord, subject: Subject) -> bool:
    """One that has a word on this attempt already was not seen before it."""
    told = said.result_release == subject.release and (said.result_attempt or 0) >= subject.attempt
    return said.connectivity is Connectivity.ONLINE and said.health_status in _WELL and not told


async def _samples(
    connection: AsyncConnection, run: _Run, said: Iterable[SaidRecord], subject: Subject
) -> list[Sample]:
    """What is new since the last look."""
    news = [(one, run.heard.get(one.device_id)) for one in said if run.heard.get(one.device_id) != one]
    reported = [one.device_id for one, before in news if before is None or before.report_seq != one.report_seq]
    health = await compared.health_of(connection, reported)
    run.heard |= {one.device_id: one for one, _ in news}
    return [_sample(one, before, health.get(one.device_id), subject) for one, before in news]


def _sample(one: SaidRecord, before: SaidRecord | None, health: dict[str, Any] | None, subject: Subject) -> Sample:
    spoke = before is None or (before.boot, before.seq) != (one.boot, one.seq)
    return Sample(
        device_id=one.device_id,
        health=one.health_status if one.connectivity is Connectivity.ONLINE else None,
        reverted=_went_back(one, subject),
        readings=figures_of(one.cpu_percent, one.ram_percent, one.queue_depth) if spoke else {},
        totals=totals_of(one.boot, health) if spoke else {},
    )


def _went_back(one: SaidRecord, subject: Subject) -> bool:
    return (
        one.result_release == subject.release
        and (one.result_attempt or 0) >= subject.attempt
        and one.result_outcome is Outcome.FAILED
        and one.result_code in AFTER_SWITCH
    )

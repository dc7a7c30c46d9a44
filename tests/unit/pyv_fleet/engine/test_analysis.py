"""From the store's statuses and a query's answers to what a person reads of a wave and its control."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pyv_fleet.core.analysis_terms import AnalysisTerms, OwnMetric
from pyv_fleet.core.own_metrics import NoValue
from pyv_fleet.core.policy import Budgets
from pyv_fleet.core.verdict import Wave
from pyv_fleet.core.views.analysis import AnalysisView, MeasureView
from pyv_fleet.core.waves import Candidate, parse_cohort, resolve
from pyv_fleet.core.words import RolloutState, Verdict
from pyv_fleet.engine.analysis import Analyses, Asks, Subject
from pyv_fleet.engine.errors import Invalid
from pyv_fleet.store import devices, rollouts, status
from pyv_fleet.store.rollouts import RolloutRecord
from pyvorin_edge.vocabulary import Connectivity, HealthStatus
from running.rehearsal import Rehearsal, rehearsal

WAVE, CONTROL = 40, 160
SOAK_SECONDS = 120
ROLLOUT = "rollout-1"
UNHEALTHY = HealthStatus.UNHEALTHY


class Scene:
    """A wave of forty beside 160 others, in its soak."""

    def __init__(self, stage: Rehearsal, terms: AnalysisTerms, asks: Asks | None) -> None:
        self.stage = stage
        self.analyses = Analyses(stage.ground, asks)
        fleet = [Candidate(f"FLEET-simulated-{one}") for one in range(WAVE + CONTROL)]
        line = resolve(parse_cohort(str(WAVE)), fleet, "salt")
        self.subject = Subject(ROLLOUT, "stable", "new", 1, "salt", [line], terms, SOAK_SECONDS)
        self.began = stage.now
        self.wave_ids: list[str] = []
        self.control_ids: list[str] = []

    async def look(self) -> AnalysisView:
        wave = Wave(number=0, started_at=self.began, applied_at=self.began)
        async with self.stage.database.read() as connection:
            view = await self.analyses.look(connection, self.subject, wave, self.stage.now)
        assert view is not None
        groups = self.analyses._runs[self.subject.rollout_id].groups
        self.wave_ids = sorted(one for one, in_wave in groups.items() if in_wave)
        self.control_ids = sorted(one for one, in_wave in groups.items() if not in_wave)
        return view

    async def after(self, seconds: int) -> AnalysisView:
        self.stage.now += seconds * 1000
        return await self.look()

    async def beat(self, device_ids: list[str], **changes: Any) -> None:
        """Devices speak: a new number, and what changed."""
        async with self.stage.database.begin() as connection:
            known = await status.get_many(connection, device_ids)
            said = [one.status for one in known.values()]
            new = [
                msgspec.structs.replace(one, **({"seq": one.seq + 1, "report_seq": one.report_seq + 1} | changes))
                for one in said
            ]  # fmt: skip
            await status.save_many(connection, new)


def play(
    path: Path,
    scene: Callable[[Scene], Awaitable[None]],
    terms: AnalysisTerms = AnalysisTerms(),  # noqa: B008 a frozen value
    asks: Asks | None = None,
) -> None:
    async def run() -> None:
        async with rehearsal(path) as stage:
            await enrol_all(stage)
            made = Scene(stage, terms, asks)
            everyone = [f"FLEET-simulated-{one}" for one in range(WAVE + CONTROL)]
            figures = {"cpu_percent": 10.0, "ram_percent": 40.0, "queue_depth": 0, "health": {"cloud": {"evicted": 3}}}
            online = {"connectivity": Connectivity.ONLINE, "health_status": HealthStatus.HEALTHY}
            await made.beat(everyone, **online, **figures)
            await scene(made)

    asyncio.run(run())


async def enrol_all(stage: Rehearsal) -> None:
    """The whole fleet and a rollout, without playing how they came to be."""
    await stage.enrol(1)
    async with stage.database.begin() as connection:
        first = await devices.get(connection, "FLEET-simulated-0")
        assert first is not None
        for one in range(1, WAVE + CONTROL):
            device_id = f"FLEET-simulated-{one}"
            await devices.save(connection, msgspec.structs.replace(first, device_id=device_id))
            await status.add_blank(connection, device_id)
        rollout = RolloutRecord(
            id=ROLLOUT, channel="stable", release="new", baseline="old", state=RolloutState.ROLLING, wave=0, spec={},
            machine={}, because="", reason="", created_by="op", created_at=stage.now,
        )  # fmt: skip
        await rollouts.save(connection, rollout)


def measure(view: AnalysisView, name: str) -> MeasureView:
    return next(one for one in view.measures if one.measure == name)


def test_devices_of_the_wave_that_become_unhealthy_are_seen_at_the_next_look_with_rates_and_counts(
    tmp_path: Path,
) -> None:
    async def scene(on: Scene) -> None:
        await on.look()
        await on.beat(on.wave_ids[:9], health_status=UNHEALTHY)
        await on.beat(on.control_ids[:2], health_status=UNHEALTHY)
        view = await on.after(2)
        assert view.verdict is Verdict.BAD
        assert "9 of 40 devices of the wave (22.5%) became unhealthy against 2 of 160" in view.said

    play(tmp_path, scene)


def test_a_whole_soak_without_a_difference_is_good(tmp_path: Path) -> None:
    async def scene(on: Scene) -> None:
        await on.look()
        for _ in range(2):
            on.stage.now += 30_000
            await on.beat([*on.wave_ids, *on.control_ids])
            await on.after(30)
        view = await on.look()
        assert view.verdict is Verdict.GOOD
        assert "no worse than the control in health, cpu, memory, queue" in view.said

    play(tmp_path, scene)


def test_processor_use_and_errors_of_the_wave_alone_are_seen_when_a_window_is_over(tmp_path: Path) -> None:
    async def scene(on: Scene) -> None:
        await on.look()
        await on.beat(on.control_ids)
        await on.beat(on.wave_ids, cpu_percent=30.0, health={"cloud": {"evicted": 5}})
        await on.after(60)
        view = await on.after(60)
        assert measure(view, "cpu").said.startswith("cpu: +20 points of processor use a device (40 devices)")
        assert (measure(view, "cpu").verdict, measure(view, "errors").verdict) == (Verdict.BAD, Verdict.BAD)

    play(tmp_path, scene)


def test_devices_that_were_unwell_or_silent_before_are_not_compared(tmp_path: Path) -> None:
    async def scene(on: Scene) -> None:
        await on.beat(["FLEET-simulated-0", "FLEET-simulated-1"], health_status=UNHEALTHY)
        await on.beat(["FLEET-simulated-2"], connectivity=Connectivity.OFFLINE)
        view = await on.look()
        assert view.wave_devices + view.control_devices == WAVE + CONTROL - 3

    play(tmp_path, scene)


def test_a_restart_keeps_what_was_before_the_rollout(tmp_path: Path) -> None:
    async def scene(on: Scene) -> None:
        await on.look()
        await on.beat(on.wave_ids[:9], health_status=UNHEALTHY, cpu_percent=90.0)
        on.analyses = Analyses(on.stage.ground)
        view = await on.look()
        assert (view.wave_devices, view.verdict) == (WAVE, Verdict.BAD)

    play(tmp_path, scene)


def test_two_looks_that_begin_together_write_down_once_what_was_before(tmp_path: Path) -> None:
    async def scene(on: Scene) -> None:
        first, second = await asyncio.gather(on.look(), on.look())
        assert first == second

    play(tmp_path, scene)


def test_a_device_that_is_not_heard_any_more_is_neither_well_nor_ill(tmp_path: Path) -> None:
    async def scene(on: Scene) -> None:
        await on.look()
        await on.beat(on.wave_ids, connectivity=Connectivity.LOST, health_status=UNHEALTHY)
        view = await on.after(2)
        assert view.verdict is None

    play(tmp_path, scene)


def test_a_wave_of_named_or_labelled_devices_is_not_compared_and_that_is_said(tmp_path: Path) -> None:
    async def scene(on: Scene) -> None:
        everybody = resolve(parse_cohort("100%"), [], "salt")
        on.subject = replace(on.subject, lines=[everybody])
        view = await on.look()
        assert view.verdict is None
        assert "not drawn by lot, or it leaves nobody out" in view.said

    play(tmp_path, scene)


def test_a_rollout_that_wants_none_has_none(tmp_path: Path) -> None:
    async def scene(on: Scene) -> None:
        async with on.stage.database.read() as connection:
            wave = Wave(number=0, started_at=0)
            assert await on.analyses.look(connection, on.subject, wave, on.stage.now) is None

    play(tmp_path, scene, AnalysisTerms(enabled=False))


class Oracle:
    """Answers by what the query is."""

    def __init__(self, answer: Callable[[str], float | dict[str, float]]) -> None:
        self.asked: list[str] = []
        self._answer = answer

    async def ask(self, query: str) -> dict[str, Any]:
        self.asked.append(query)
        found = self._answer(query)
        values = found if isinstance(found, dict) else {"": found}
        series = [{"metric": {"device_id": one}, "value": [0, str(value)]} for one, value in values.items()]
        return {"status": "success", "data": {"resultType": "vector", "result": series}}


GROUPED = OwnMetric(name="latency", query='avg(latency{device_id=~"{devices}"})', control_times=2.0, failures=2)
BY_DEVICE = OwnMetric(name="lag", query="lag_seconds")


def test_a_metric_of_the_users_own_is_asked_for_both_groups_and_breaks_after_so_many(tmp_path: Path) -> None:
    control = "FLEET-simulated-"

    def answer(query: str) -> float:
        return 1.0 if query.count(control) == CONTROL else 5.0

    async def scene(on: Scene) -> None:
        await on.look()
        verdicts = []
        for _ in range(3):
            await on.analyses.ask()
            verdicts.append(measure(await on.after(30), "latency").verdict)
        assert verdicts == [Verdict.GOOD, Verdict.BAD, Verdict.BAD]

    oracle = Oracle(answer)
    play(tmp_path, scene, AnalysisTerms(metrics=(GROUPED,)), oracle)
    assert oracle.asked[0].count(control) == WAVE


def test_a_metric_by_device_is_compared_like_the_others(tmp_path: Path) -> None:
    wave: set[str] = set()

    async def scene(on: Scene) -> None:
        await on.look()
        wave.update(on.wave_ids)
        await on.analyses.ask()
        await on.after(60)
        view = await on.after(60)
        assert measure(view, "lag").verdict is Verdict.BAD
        assert "lag: 9 a device (40 devices) in the wave against 2 a device (160 devices) in the control" in view.said

    oracle = Oracle(lambda _: {f"FLEET-simulated-{one}": 9.0 if f"FLEET-simulated-{one}" in wave else 2.0
                               for one in range(WAVE + CONTROL)})  # fmt: skip
    play(tmp_path, scene, AnalysisTerms(metrics=(BY_DEVICE,)), oracle)


def test_a_query_without_an_answer_is_inconclusive_with_its_reason_and_never_a_fault(tmp_path: Path) -> None:
    def answer(query: str) -> float:
        raise NoValue("it did not answer in time")

    async def scene(on: Scene) -> None:
        await on.look()
        await on.analyses.ask()
        view = await on.after(2)
        assert view.verdict is Verdict.INCONCLUSIVE
        assert "latency: no value: it did not answer in time" in view.said

    play(tmp_path, scene, AnalysisTerms(metrics=(GROUPED,)), Oracle(answer))


def test_without_a_prometheus_such_a_metric_is_refused_before_anything_is_planned(tmp_path: Path) -> None:
    terms = AnalysisTerms(metrics=(GROUPED,))

    async def run() -> None:
        async with rehearsal(tmp_path) as stage:
            await stage.enrol(3)
            await stage.based_on("1.0")
            await stage.release("1.1")
            with pytest.raises(Invalid, match=r"write prometheus.url into fleet.toml"):
                await stage.roll("1.1", "1", "100%", analysis=terms)
            assert [one.state for one in (await stage.rollouts.page(None, 10)).items] == ["completed"]

    asyncio.run(run())


def test_a_prometheus_that_is_gone_meanwhile_is_inconclusive_and_says_what_to_write(tmp_path: Path) -> None:
    async def scene(on: Scene) -> None:
        assert "write prometheus.url into fleet.toml" in (await on.look()).said

    play(tmp_path, scene, AnalysisTerms(metrics=(GROUPED,)))


def test_a_rollout_goes_back_when_its_wave_does_worse_than_the_rest_though_every_budget_holds(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await stage.enrol(60)
        await stage.based_on("1.0")
        await stage.release("1.1")
        wide = Budgets(unhealthy_permyriad=9_000)
        rollout = await stage.roll("1.1", "20", "100%", budgets=wide, soak_seconds=60, deadline_seconds=600)
        stage.sickening.add("1.1")
        for one in range(60):
            await stage.obey(f"FLEET-simulated-{one}")
        seen = await stage.rollouts.get(rollout)
        assert seen.state in ("reverting", "reverted")
        assert "devices of the wave" in seen.because
        assert "against 0 of 40 devices of the control (0.0%)" in seen.because
        assert seen.waves[0].analysis is not None
        assert seen.waves[0].analysis.verdict is Verdict.BAD

    async def run() -> None:
        async with rehearsal(tmp_path) as stage:
            await scene(stage)

    asyncio.run(run())

"""A rollout under any interleaving of reports, losses, restarts, operators' commands and clock steps.

The controller's real parts on a real store; the devices are a model of their own: each knows only the directives that
reached it, obeys them by the SDK's `golden`, and its word may come late or never. Who may have the candidate is worked
out here from the protocol's text, not by the controller's code.
"""

from __future__ import annotations

import asyncio
import atexit
import hashlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pyv_fleet.core.analysis_terms import AnalysisTerms
from pyv_fleet.core.rollout import Rollout
from pyv_fleet.core.words import RolloutState, Verdict
from pyv_fleet.engine.errors import FleetError
from pyv_fleet.engine.goldens import assignment_of
from pyv_fleet.engine.rollout_views import machine_of
from pyv_fleet.store import rollouts, status
from pyv_fleet.store.rollouts import WaveRecord
from pyvorin_edge.identity import Digest
from pyvorin_edge.orders import Assignment, Directive, golden
from pyvorin_edge.vocabulary import Cause, Connectivity, HealthStatus, Outcome, Phase
from running.rehearsal import Rehearsal, rehearsal

DEVICES = tuple(f"FLEET-simulated-{number}" for number in range(10))
WAVES = {"1": 1, "30%": 3, "6": 6, "100%": 10}
"""Each wave as asked for, and how many devices it lets have the candidate."""
STOPPED = (RolloutState.PAUSED, RolloutState.REVERTING, RolloutState.REVERTED, RolloutState.ABORTED)
FATES = ("good", "good", "good", "refuses", "reverts", "sickens")


@dataclass
class Device:
    """What a device remembers, and what the candidate does to it."""

    fate: str
    running: Digest | None = None
    health: HealthStatus = HealthStatus.HEALTHY
    heard: Directive | None = None
    result: dict[str, Any] = field(default_factory=dict)
    away: bool = False

    def obey(self, assignment: Assignment, candidate: Digest, now: int) -> None:
        """Run what it should, or come to its end with it: the same attempt is never tried twice (rule 6)."""
        held = frozenset((self.running,)) if self.running is not None else frozenset[Digest]()
        target = golden(assignment.device_id, self.heard, assignment, held)
        if target is None or target.release == self.running:
            return
        tried = (self.result.get("result_release"), self.result.get("result_attempt"))
        if tried == (target.release, target.attempt) and self.result["result_outcome"] is not Outcome.COMMITTED:
            return
        fate = self.fate if target.release == candidate else "good"
        ends = {
            "refuses": (Outcome.REJECTED, Cause.INVALID),
            "reverts": (Outcome.FAILED, Cause.GATE),
        }.get(fate, (Outcome.COMMITTED, None))
        self.result = {
            "result_release": target.release, "result_overlay": target.overlay, "result_attempt": target.attempt,
            "result_at": now, "result_outcome": ends[0], "result_code": ends[1], "result_detail": None,
        }  # fmt: skip
        if ends[0] is Outcome.COMMITTED:
            self.running = target.release
            self.health = HealthStatus.UNHEALTHY if fate == "sickens" else HealthStatus.HEALTHY

    def word(self, hashes: dict[Digest, str]) -> dict[str, Any]:
        """Its report: all that it is now."""
        return {
            "connectivity": Connectivity.ONLINE, "health_status": self.health, "phase": Phase.SETTLED,
            "generation": 0 if self.heard is None else self.heard.generation, "running_release": self.running,
            "running_hash": None if self.running is None else hashes[self.running], **self.result,
        }  # fmt: skip


class Beginning(NamedTuple):
    """A fleet that runs 1.0 and has 1.1 published: made once, copied for each example."""

    store: Path
    now: int
    candidate: Digest


_BEGINNINGS: list[Beginning] = []


async def _beginning() -> Beginning:
    if not _BEGINNINGS:
        folder = Path(tempfile.mkdtemp())
        atexit.register(shutil.rmtree, folder)
        async with rehearsal(folder) as stage:
            await stage.enrol(len(DEVICES))
            await stage.based_on("1.0")
            candidate = Digest(await stage.release("1.1"))
            now = stage.now
        _BEGINNINGS.append(Beginning(folder / "fleet.db", now, candidate))
    return _BEGINNINGS[0]


class Interleaving(RuleBasedStateMachine):
    """Any order of what may happen; `controller` is opened anew where the real one would be killed."""

    directory: ClassVar[str | None] = "/dev/shm" if os.path.isdir("/dev/shm") else None

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.place = tempfile.TemporaryDirectory(dir=self.directory)
        self.open = AsyncExitStack()
        self.devices: dict[str, Device] = {}
        #: whether a person took the judgement into his hands
        self.meddled = False
        self.opened = 0

    @initialize(fates=st.just(["good"] * len(DEVICES)) | st.lists(st.sampled_from(FATES), min_size=10, max_size=10))
    def begins(self, fates: list[str]) -> None:
        self.runner.run(self._begin(fates))

    @rule(device=st.sampled_from(DEVICES), obeys=st.booleans(), reports=st.booleans())
    def an_order_arrives(self, device: str, obeys: bool, reports: bool) -> None:
        """The newest directive is heard, perhaps obeyed at once, perhaps told."""
        self.runner.run(self._arrive((device,), obeys=obeys, reports=reports))

    @rule(reports=st.booleans())
    def all_hear_and_obey(self, reports: bool) -> None:
        self.runner.run(self._arrive(DEVICES, obeys=True, reports=reports))

    @rule()
    def a_quiet_while_passes(self) -> None:
        """What a rollout needs for a wave, if nothing comes between."""
        self.runner.run(self._arrive(DEVICES, obeys=True, reports=True))
        self.runner.run(self.stage.wait(12))

    @rule(device=st.sampled_from(DEVICES))
    def an_old_order_is_obeyed_and_told(self, device: str) -> None:
        self.runner.run(self._obey((device,)))
        self.runner.run(self._report((device,)))

    @rule(device=st.sampled_from(DEVICES))
    def a_device_falls_silent(self, device: str) -> None:
        self.devices[device].away = True
        self.runner.run(self.stage.say(device, connectivity=Connectivity.LOST))

    @rule(device=st.sampled_from(DEVICES))
    def a_device_returns(self, device: str) -> None:
        self.devices[device].away = False
        self.runner.run(self._report((device,)))

    @rule(seconds=st.sampled_from((1, 5, 12)))
    def time_passes(self, seconds: int) -> None:
        self.runner.run(self.stage.wait(seconds))

    @rule(seconds=st.sampled_from((-4000, -90, -2, 30, 90, 4000)))
    def the_clock_steps(self, seconds: int) -> None:
        self.stage.now += seconds * 1000
        self.runner.run(self.stage.rollouts.tick())

    @rule()
    def the_controller_is_killed(self) -> None:
        self.runner.run(self.stage.open())

    @rule(act=st.sampled_from(("pause", "resume", "pause", "resume", "approve", "retry", "promote", "skip")))
    def an_operator_acts(self, act: str) -> None:
        said = {"device_ids": (DEVICES[0],)} if act == "skip" else {}
        self.runner.run(self._act(act, **said))

    @rule(stay=st.booleans())
    def an_operator_ends_it(self, stay: bool) -> None:
        self.runner.run(self._act("abort", stay=stay))

    @invariant()
    def it_is_as_promised(self) -> None:
        if self.devices:
            self.runner.run(self._promises())

    def teardown(self) -> None:
        try:
            if self.devices:
                self.runner.run(self._ends())
        finally:
            self.runner.run(self.open.aclose())
            self.runner.close()
            self.place.cleanup()

    async def _begin(self, fates: list[str]) -> None:
        beginning = await _beginning()
        shutil.copy(beginning.store, self.place.name)
        self.stage: Rehearsal = await self.open.enter_async_context(rehearsal(Path(self.place.name)))
        self.stage.now, self.candidate = beginning.now, beginning.candidate
        self.stage.skip_random(1_000_000)  # no id twice
        self.rollout = await self.stage.roll("1.1", *WAVES, analysis=AnalysisTerms(enabled=False))
        async with self.stage.database.read() as connection:
            known = await status.find(connection)
        self.devices = {one.device.device_id: Device(fate) for one, fate in zip(known, fates, strict=True)}
        for one in known:
            self.devices[one.device.device_id].running = Digest(one.status.running_release or "")
        self.assignments = {one.device.device_id: assignment_of(one.device) for one in known}
        self.hashes = await self.stage.golden_hashes()

    async def _arrive(self, device_ids: Sequence[str], *, obeys: bool, reports: bool) -> None:
        directive = await self.stage.directive()
        for device_id in device_ids:
            if not self.devices[device_id].away:
                self.devices[device_id].heard = directive
        if obeys:
            await self._obey(device_ids)
        if reports:
            await self._report(device_ids)

    async def _obey(self, device_ids: Sequence[str]) -> None:
        before = {device_id for device_id in device_ids if self.devices[device_id].running == self.candidate}
        for device_id in device_ids:
            self.devices[device_id].obey(self.assignments[device_id], self.candidate, self.stage.now)
        new = {one for one in device_ids if self.devices[one].running == self.candidate} - before
        if new:
            at = await self._machine()
            assert new <= _allowed(at), f"{new - _allowed(at)} took the candidate, wave {at.opened} is open"

    async def _report(self, device_ids: Sequence[str]) -> None:
        words = {one: self.devices[one].word(self.hashes) for one in device_ids if not self.devices[one].away}
        if words:
            await self.stage.say_all(words)

    async def _act(self, act: str, **said: Any) -> None:
        self.meddled |= act in ("retry", "promote", "skip")
        with suppress(FleetError):  # refused in words: then nothing may have changed, which the promises show
            await self.stage.act(self.rollout, act, **said)

    async def _promises(self) -> None:
        at, waves = await self._machine(), await self._waves()
        assert at.opened >= self.opened, "an opened wave was forgotten"
        self.opened = at.opened
        for number, wave in enumerate(waves[: max(0, at.opened - 1)]):
            assert self.meddled or wave.verdict is Verdict.GOOD, f"wave {number + 2} opened after {wave.verdict}"
        if at.state is RolloutState.COMPLETED:
            assert self.meddled or all(wave.verdict is Verdict.GOOD for wave in waves)
        await self._nothing_skipped(at)
        told = await self._told_failures(at)
        if told and not self.meddled and at.opened and not at.ended:
            assert at.state in STOPPED or not await self._hears(), f"{at.state} with {told} gone wrong: {at.because}"

    async def _nothing_skipped(self, at: Rollout) -> None:
        """The lines that were ordered only ever moved on, one wave after the other, each once."""
        lines = [
            rule.below
            for order in await self.stage.told()
            for rule in order.rules
            if rule.release == self.candidate and not rule.hold and rule.below is not None
        ]
        moved = [line for number, line in enumerate(lines) if not number or line != lines[number - 1]]
        assert moved == sorted(set(moved))
        assert len(moved) <= at.opened <= len(WAVES)

    async def _told_failures(self, at: Rollout) -> list[str]:
        """Who is judged and said that it refused this attempt or went back: no budget allows one."""
        async with self.stage.database.read() as connection:
            members = await rollouts.members_of(connection, self.rollout, max(0, at.opened - 1))
            said = await status.get_many(connection, [one.device_id for one in members])
        return [
            one
            for one, known in said.items()
            if known.status.result_release == self.candidate
            and known.status.result_attempt == at.attempt
            and known.status.result_outcome in (Outcome.FAILED, Outcome.REJECTED)
        ]

    async def _hears(self) -> bool:
        """Whether the controller has looked since: it does at each tick."""
        await self.stage.rollouts.tick()
        return (await self._machine()).state in (RolloutState.ROLLING, RolloutState.WAITING, RolloutState.READY)

    async def _ends(self) -> None:
        """All come back, all hear and obey: it ends, by itself or by a person where it asks for one."""
        for device in self.devices.values():
            device.away = False
        for _ in range(40):
            at = await self._machine()
            if at.ended:
                break
            if at.state is RolloutState.PAUSED:
                await self.stage.act(self.rollout, "abort", stay=False)
            await self._arrive(DEVICES, obeys=True, reports=True)
            await self.stage.wait(6)
        assert at.ended, f"it never ends: {at.state}, {at.because}"
        await self._arrive(DEVICES, obeys=True, reports=True)
        if at.state is RolloutState.REVERTED:
            assert all(device.running != self.candidate for device in self.devices.values()), "not all went back"

    async def _machine(self) -> Rollout:
        async with self.stage.database.read() as connection:
            record = await rollouts.get(connection, self.rollout)
        assert record is not None
        return machine_of(record)

    async def _waves(self) -> list[WaveRecord]:
        async with self.stage.database.read() as connection:
            return list(await rollouts.waves_of(connection, self.rollout))


def _allowed(at: Rollout) -> set[str]:
    """The first n of the fleet by SHA-256(salt, 00, device id); n: as many as the newest open wave has (PROTOCOL 5)."""
    if not at.opened:
        return set()
    count = list(WAVES.values())[at.opened - 1]
    order = sorted(DEVICES, key=lambda one: hashlib.sha256(f"{at.plan.salt}\0{one}".encode()).hexdigest())
    return set(order[:count])


NIGHTLY = bool(os.environ.get("PYV_NIGHTLY"))
TestInterleaving = Interleaving.TestCase
TestInterleaving.settings = settings(
    max_examples=1_000 if NIGHTLY else 12,
    stateful_step_count=60 if NIGHTLY else 30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

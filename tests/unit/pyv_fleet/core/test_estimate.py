"""When a rollout may be done: soak times, and what devices took up to now."""

from __future__ import annotations

from msgspec.structs import replace

from pyv_fleet.core.estimate import TAKING_SECONDS, download_pace, download_seconds, finish_at, planned_finish
from pyv_fleet.core.rollout_events import Cleared, Paused, Started
from pyv_fleet.core.verdict import Wave
from pyvorin_edge.identity import digest_of
from pyvorin_edge.orders import BundleRef
from unit.pyv_fleet.core.test_rollout import after, rollout

BEGUN = after(rollout(soak=10), Started, Cleared)


def test_before_anything_took_it_a_gate_s_time_is_assumed() -> None:
    waves = [Wave(number=0, started_at=0), Wave(number=1, started_at=0)]
    assert finish_at(BEGUN, waves, 0) == 2 * (TAKING_SECONDS + 10) * 1000


def test_what_the_first_wave_took_is_what_the_next_may_take() -> None:
    waves = [Wave(number=0, started_at=0, applied_at=5_000), Wave(number=1, started_at=0)]
    assert finish_at(BEGUN, waves, 6_000) == (5_000 + 10_000) + (5_000 + 10_000)


def test_what_does_not_move_has_no_end() -> None:
    assert finish_at(after(BEGUN, Paused), [Wave(number=0, started_at=0)], 0) is None


def test_a_plan_s_end_counts_from_its_start() -> None:
    assert planned_finish(BEGUN.plan.waves, 5, 1_000) == 1_000 + 2 * (TAKING_SECONDS + 5 + 10) * 1000


def test_another_bundle_takes_as_long_as_the_channel_s_rate_says() -> None:
    before, after = bundle("1.0", 10), bundle("1.1", 1_000_001)
    assert download_seconds(before, after, 1000) == 1001
    assert download_seconds(after, after, 1000) == 0
    assert download_seconds(before, after, 0) == 0
    assert planned_finish(BEGUN.plan.waves, 0, 0, 7) == 2 * (TAKING_SECONDS + 7 + 10) * 1000


def test_downloads_that_are_bounded_by_nothing_or_take_too_long_are_told_of() -> None:
    assert download_pace(0, 0, 0, 60) == (False, "spread over 0 s a wave")
    assert download_pace(1000, 59, 0, 60) == (True, "spread over 0 s a wave, at most 1,000 bytes/s a device")
    good, said = download_pace(1000, 60, 10, 60)
    assert not good
    assert said.endswith("60 s for the bundle, beyond the wave's deadline of 60 s")


def bundle(version: str, size: int) -> BundleRef:
    digest = digest_of(version.encode())
    return BundleRef(name="app", version=version, manifest_sha256=digest, sha256=digest, size=size)


def test_who_goes_by_turns_takes_as_often_as_turns_follow_each_other() -> None:
    waves = tuple(replace(wave, rounds=1 + 4 * number) for number, wave in enumerate(BEGUN.plan.waves))
    assert planned_finish(waves, 5, 0) == (TAKING_SECONDS + 5 + 10 + 5 * TAKING_SECONDS + 10) * 1000
    by_turns = replace(BEGUN, plan=replace(BEGUN.plan, waves=waves))
    seen = [Wave(number=0, started_at=0, applied_at=5_000), Wave(number=1, started_at=0)]
    assert finish_at(by_turns, seen, 6_000) == (5_000 + 10_000) + (5 * 5_000 + 10_000)

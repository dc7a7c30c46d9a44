"""A wave is judged by its members' own words: budgets hold at once, no data never passes, and it always ends."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyv_fleet.core.members import STARTS_MAX, Facts, Terms
from pyv_fleet.core.policy import Budgets, Herd
from pyv_fleet.core.verdict import Tally, Wave, allowed, judge, relapse, standing_of
from pyv_fleet.core.words import MemberStanding, Verdict, WaveState
from pyvorin_edge.identity import Digest
from pyvorin_edge.vocabulary import Cause, Connectivity, HealthStatus, Outcome, Phase, WaitingFor

NEW, OLD, HASH = Digest("a" * 64), "b" * 64, "c" * 64
TERMS = Terms(release=NEW, attempt=2, budgets=Budgets(), soak_seconds=10, deadline_seconds=100, lost_seconds=20)
WAVE = Wave(number=0, started_at=0)


def waiting(device_id: str = "FLEET-1", **changes: Any) -> Facts:
    """A device that has not taken the release yet."""
    before = Facts(
        device_id=device_id,
        online_at_start=True,
        connectivity=Connectivity.ONLINE,
        last_seen=0,
        health=HealthStatus.HEALTHY,
        phase=Phase.SETTLED,
        running_release=OLD,
        running_hash="d" * 64,
        golden_hash=HASH,
    )
    return msgspec.structs.replace(before, **changes)


def committed(device_id: str = "FLEET-1", **changes: Any) -> Facts:
    took: dict[str, Any] = {
        "running_release": NEW,
        "running_hash": HASH,
        "result_release": NEW,
        "result_attempt": 2,
        "result_outcome": Outcome.COMMITTED,
    }
    return waiting(device_id, **took | changes)


def ended(outcome: Outcome, code: Cause, device_id: str = "FLEET-1", detail: str = "", attempt: int = 2) -> Facts:
    return waiting(
        device_id,
        result_release=NEW,
        result_attempt=attempt,
        result_outcome=outcome,
        result_code=code,
        result_detail=detail,
    )


def many(*special: Facts, of: int) -> list[Facts]:
    return [*special, *(committed(f"FLEET-x{n}") for n in range(of - len(special)))]


def test_it_is_good_when_all_took_it_and_were_healthy_for_the_soak_time() -> None:
    soaking, _ = judge(WAVE, TERMS, [committed()], now=1_000)
    assert (soaking.state, soaking.applied_at, soaking.verdict) == (WaveState.SOAKING, 1_000, None)
    still, _ = judge(soaking, TERMS, [committed()], now=10_999)
    assert still.verdict is None
    good, tally = judge(still, TERMS, [committed()], now=11_000)
    assert (good.state, good.verdict, good.judged_at) == (WaveState.JUDGED, Verdict.GOOD, 11_000)
    assert good.because == "1 of 1 devices took it and were healthy for 10 s"
    assert tally == Tally(devices=1, committed=1, healthy=1)


def test_without_a_soak_time_it_says_that_they_are_healthy_and_not_for_how_long() -> None:
    terms = msgspec.structs.replace(TERMS, soak_seconds=0)
    good, _ = judge(WAVE, terms, [committed()], now=1_000)
    assert (good.verdict, good.because) == (Verdict.GOOD, "1 of 1 devices took it and are healthy")


@pytest.mark.parametrize(
    "unproven",
    [
        {"phase": Phase.PROVING},
        {"running_hash": "d" * 64},
        {"golden_hash": None},
        {"running_release": OLD},
        {"result_outcome": Outcome.SUPERSEDED},
        {"result_release": OLD},
    ],
)
def test_success_needs_every_one_of_the_devices_own_words(unproven: dict[str, Any]) -> None:
    assert standing_of(committed(**unproven), TERMS, now=1) is MemberStanding.APPLYING


def test_a_canary_that_went_back_by_itself_stops_it_at_once_and_is_named_with_its_cause() -> None:
    facts = ended(Outcome.FAILED, Cause.GATE, "FLEET-7", "adapter temp-01 failed")
    bad, tally = judge(WAVE, TERMS, many(facts, of=40), now=1)
    assert bad.verdict is Verdict.BAD
    assert bad.because == (
        "FLEET-7 went back by itself: gate: it did not become healthy within its gate (adapter temp-01 failed)"
    )
    assert (tally.reverted, tally.failed, tally.committed) == (1, 0, 39)


def test_a_release_that_devices_refuse_counts_as_failed() -> None:
    bad, tally = judge(WAVE, TERMS, [ended(Outcome.REJECTED, Cause.INVALID, detail="/health/port")], now=1)
    assert (bad.verdict, tally.failed) == (Verdict.BAD, 1)
    assert bad.because.startswith("FLEET-1 refused the release: invalid:")
    assert "/health/port" in bad.because


def test_the_failure_of_an_earlier_attempt_does_not_count() -> None:
    assert standing_of(ended(Outcome.FAILED, Cause.GATE, attempt=1), TERMS, now=1) is MemberStanding.APPLYING


def test_an_unhealthy_device_under_the_release_breaks_the_budget_of_a_small_wave_only() -> None:
    sick = committed("FLEET-s", health=HealthStatus.UNHEALTHY)
    small, _ = judge(WAVE, TERMS, many(sick, of=49), now=1)
    assert (small.verdict, small.because) == (
        Verdict.BAD,
        "FLEET-s took the release and became unhealthy under it",
    )
    large, tally = judge(WAVE, TERMS, many(sick, of=50), now=1)
    assert (large.verdict, large.state, tally.unhealthy, tally.healthy) == (None, WaveState.SOAKING, 1, 49)


def test_silence_after_the_start_breaks_the_lost_budget_and_a_short_absence_does_not() -> None:
    gone = waiting("FLEET-g", connectivity=Connectivity.OFFLINE, last_seen=1_000)
    assert judge(WAVE, TERMS, [gone], now=20_999)[0].verdict is None
    bad, tally = judge(WAVE, TERMS, [gone], now=21_001)
    assert (bad.verdict, tally.lost) == (Verdict.BAD, 1)
    assert bad.because == "FLEET-g fell silent for more than 20 s after the wave began"
    assert judge(WAVE, TERMS, [waiting(connectivity=Connectivity.LOST)], now=1)[0].verdict is Verdict.BAD


def test_who_was_offline_at_the_start_is_deferred_and_not_waited_for() -> None:
    away = waiting("FLEET-a", online_at_start=False, connectivity=Connectivity.OFFLINE)
    soaking, tally = judge(WAVE, TERMS, many(away, of=2), now=0)
    assert (soaking.state, tally.deferred, tally.committed) == (WaveState.SOAKING, 1, 1)


def test_a_deferred_device_that_came_back_counts_by_what_it_did() -> None:
    back = ended(Outcome.FAILED, Cause.GATE)
    back = msgspec.structs.replace(back, online_at_start=False)
    assert judge(WAVE, TERMS, many(back, of=2), now=1)[0].verdict is Verdict.BAD


def test_nobody_online_is_no_data_and_never_passes() -> None:
    away = [waiting(online_at_start=False, connectivity=Connectivity.OFFLINE)]
    assert judge(WAVE, TERMS, away, now=99_999)[0].verdict is None
    unclear, _ = judge(WAVE, TERMS, away, now=100_000)
    assert unclear.verdict is Verdict.INCONCLUSIVE
    assert "none of its devices is online" in unclear.because
    assert judge(WAVE, TERMS, [], now=100_000)[0].verdict is Verdict.INCONCLUSIVE


def test_at_the_deadline_it_says_who_it_waits_for() -> None:
    unclear, _ = judge(WAVE, TERMS, many(waiting("FLEET-w"), of=3), now=100_000)
    assert unclear.verdict is Verdict.INCONCLUSIVE
    assert "1 of 3 devices have not taken it yet: FLEET-w has not taken the release yet" in unclear.because


def test_a_degraded_device_neither_passes_nor_fails_and_the_soak_begins_anew() -> None:
    soaking, _ = judge(WAVE, TERMS, [committed()], now=0)
    interrupted, _ = judge(soaking, TERMS, [committed(health=HealthStatus.DEGRADED)], now=5_000)
    assert (interrupted.state, interrupted.applied_at, interrupted.verdict) == (WaveState.APPLYING, None, None)
    assert "FLEET-1 is degraded" in interrupted.because
    again, _ = judge(interrupted, TERMS, [committed()], now=11_000)
    assert again.verdict is None


def test_more_than_one_culprit_is_counted() -> None:
    culprits = [ended(Outcome.FAILED, Cause.GATE, f"FLEET-{n}") for n in range(3)]
    bad, _ = judge(WAVE, TERMS, many(*culprits, of=10), now=1)
    assert bad.because.endswith("; 2 more of 10 likewise")


facts = st.builds(
    lambda device, changes: msgspec.structs.replace(device, **changes),
    st.sampled_from(
        [waiting(), committed(), ended(Outcome.FAILED, Cause.GATE), ended(Outcome.REJECTED, Cause.INVALID)]
    ),
    st.fixed_dictionaries(
        {},
        optional={
            "online_at_start": st.booleans(),
            "connectivity": st.sampled_from(Connectivity),
            "health": st.sampled_from(HealthStatus),
            "phase": st.sampled_from(Phase),
        },
    ),
)
budgets = st.builds(
    Budgets,
    failed_permyriad=st.sampled_from([0, 2000, 10_000]),
    reverted_permyriad=st.sampled_from([0, 2000, 10_000]),
    unhealthy_permyriad=st.sampled_from([0, 2000, 10_000]),
    lost_permyriad=st.sampled_from([0, 2000, 10_000]),
)


@given(st.lists(facts, max_size=12), budgets, st.integers(0, 200_000))
def test_budgets_hold_whatever_the_devices_say(found: list[Facts], limits: Budgets, now: int) -> None:
    members = [msgspec.structs.replace(one, device_id=f"FLEET-{n}") for n, one in enumerate(found)]
    terms = msgspec.structs.replace(TERMS, budgets=limits)
    wave, tally = judge(WAVE, terms, members, now)
    broken = (
        tally.failed > allowed(limits.failed_permyriad, tally.devices)
        or tally.reverted > allowed(limits.reverted_permyriad, tally.devices)
        or tally.unhealthy > allowed(limits.unhealthy_permyriad, tally.devices)
        or tally.lost > allowed(limits.lost_permyriad, tally.devices)
    )
    assert (wave.verdict is Verdict.BAD) == broken
    assert tally.committed + tally.failed + tally.reverted + tally.lost + tally.deferred <= tally.devices == len(found)
    assert not (wave.state is WaveState.SOAKING and tally.committed == 0)
    assert wave.because


@given(st.lists(facts, max_size=6), st.lists(st.integers(0, 60_000), max_size=20))
def test_it_always_ends_by_its_deadline_and_its_soak(found: list[Facts], waits: list[int]) -> None:
    members = [msgspec.structs.replace(one, device_id=f"FLEET-{n}") for n, one in enumerate(found)]
    wave, now = WAVE, 0
    for wait in [*waits, 100_000, 10_000]:
        now += wait
        wave, _ = judge(wave, TERMS, members, now)
        if wave.verdict is not None:
            break
    assert wave.verdict is not None
    assert (wave.verdict is not Verdict.GOOD) or any(
        standing_of(one, TERMS, now) is MemberStanding.COMMITTED for one in members
    )


def terms(**changes: Any) -> Terms:
    return msgspec.structs.replace(TERMS, **changes)


def test_a_number_of_devices_holds_where_the_share_would_let_more_go() -> None:
    lenient = Budgets(failed_permyriad=5_000, failed_max=1)
    failed = [ended(Outcome.REJECTED, Cause.INVALID, f"FLEET-{n}") for n in range(2)]
    assert judge(WAVE, terms(budgets=lenient), many(failed[0], of=10), now=1)[0].verdict is None
    assert judge(WAVE, terms(budgets=lenient), many(*failed, of=10), now=1)[0].verdict is Verdict.BAD


def test_a_failure_worth_retrying_is_waited_for_and_counts_at_the_deadline() -> None:
    facts = many(ended(Outcome.FAILED, Cause.FETCH, "FLEET-f", "no route"), of=3)
    waiting_on, tally = judge(WAVE, TERMS, facts, now=1)
    assert (waiting_on.verdict, tally.retrying, tally.failed) == (None, 1, 0)
    assert "FLEET-f tries again: fetch" in waiting_on.because
    late, tally = judge(waiting_on, TERMS, facts, now=100_000)
    assert (late.verdict, tally.failed) == (Verdict.BAD, 1)


def test_a_permanent_refusal_counts_at_once() -> None:
    assert judge(WAVE, TERMS, many(ended(Outcome.REJECTED, Cause.FETCH), of=3), now=1)[0].verdict is Verdict.BAD


def test_devices_that_wait_for_their_window_do_not_use_up_the_deadline() -> None:
    facts = many(waiting("FLEET-w", phase=Phase.WAITING, waiting_for=WaitingFor.WINDOW), of=3)
    wave, tally = judge(WAVE, TERMS, facts, now=1)
    assert (wave.idle, tally.waiting) == (True, 1)
    still, _ = judge(wave, TERMS, facts, now=999_000)
    assert still.verdict is None
    opened, _ = judge(still, TERMS, many(waiting("FLEET-w", phase=Phase.FETCHING), of=3), now=1_000_000)
    assert (opened.verdict, opened.idle, opened.counted_from) == (None, False, 1_000_000)
    late, _ = judge(opened, TERMS, many(waiting("FLEET-w", phase=Phase.FETCHING), of=3), now=1_100_000)
    assert late.verdict is Verdict.INCONCLUSIVE


def test_enough_is_enough_where_the_wave_says_so() -> None:
    facts = many(waiting("FLEET-w"), of=20)
    assert judge(WAVE, terms(success_permyriad=9_600), facts, now=1)[0].state is WaveState.APPLYING
    assert judge(WAVE, terms(success_permyriad=9_500), facts, now=1)[0].state is WaveState.SOAKING


def test_who_was_offline_is_waited_for_as_long_as_the_policy_says_and_no_longer() -> None:
    facts = many(waiting("FLEET-o", online_at_start=False, connectivity=Connectivity.OFFLINE), of=3)
    patient = terms(deferred_seconds=30)
    assert "are waited for" in judge(WAVE, patient, facts, now=29_999)[0].because
    assert judge(WAVE, patient, facts, now=30_000)[0].state is WaveState.SOAKING


def test_too_many_offline_devices_cannot_be_judged_by_the_rest() -> None:
    facts = many(waiting("FLEET-o", online_at_start=False, connectivity=Connectivity.OFFLINE), of=3)
    strict = terms(budgets=Budgets(deferred_permyriad=1_000))
    assert judge(WAVE, strict, facts, now=100_000)[0].verdict is Verdict.INCONCLUSIVE


def test_other_code_that_runs_must_have_started_anew() -> None:
    assert standing_of(committed(same_boot=True), TERMS, now=1) is MemberStanding.COMMITTED
    assert standing_of(committed(same_boot=True), terms(other_code=True), now=1) is MemberStanding.APPLYING


def test_a_device_that_starts_again_and_again_is_unhealthy_whatever_it_says() -> None:
    crashing = committed("FLEET-c", starts=STARTS_MAX + 1)
    bad, _ = judge(WAVE, TERMS, many(crashing, of=3), now=1)
    assert (bad.verdict, bad.because) == (Verdict.BAD, "FLEET-c took the release and started 5 times under it")


def test_who_was_skipped_neither_passes_nor_stops_it() -> None:
    facts = many(ended(Outcome.FAILED, Cause.GATE, "FLEET-s"), of=3)
    good, tally = judge(WAVE, terms(skipped=frozenset({"FLEET-s"}), soak_seconds=0), facts, now=1)
    assert (good.verdict, tally.skipped, tally.judged) == (Verdict.GOOD, 1, 2)
    everyone = frozenset(one.device_id for one in facts)
    assert judge(WAVE, terms(skipped=everyone, soak_seconds=0), facts, now=1)[0].verdict is None


def test_what_breaks_after_the_verdict_is_seen_while_the_next_wave_is_waited_for() -> None:
    assert relapse(TERMS, many(of=3), now=1) is None
    assert "FLEET-1 went back by itself" in (relapse(TERMS, many(ended(Outcome.FAILED, Cause.GATE), of=3), now=1) or "")


def queued(device_id: str) -> Facts:
    return waiting(device_id, phase=Phase.WAITING, waiting_for=WaitingFor.TURN)


def test_a_device_s_deadline_counts_from_its_turn_and_who_waits_for_one_is_not_late() -> None:
    at_work = waiting("FLEET-2", phase=Phase.PROVING, turn_at=90_000)
    still, _ = judge(WAVE, TERMS, [committed(), at_work, queued("FLEET-3")], now=189_000)
    assert still.verdict is None
    late, _ = judge(WAVE, TERMS, [committed(), at_work, queued("FLEET-3")], now=190_000)
    assert late.verdict is Verdict.INCONCLUSIVE


def test_who_waits_for_its_turn_is_counted_and_how_many_go_at_once_is_said() -> None:
    terms = msgspec.structs.replace(TERMS, herd=Herd(at_once=2, label="site"))
    at_work = waiting("FLEET-2", phase=Phase.PROVING)
    wave, tally = judge(WAVE, terms, [queued("FLEET-1"), at_work, queued("FLEET-3")], now=1_000)
    assert (tally.waiting, tally.for_turn) == (2, 2)
    assert wave.because == (
        "3 of 3 devices have not taken it yet: FLEET-2 has not taken the release yet (proving); "
        "2 wait for their turn (2 at once per site)"
    )

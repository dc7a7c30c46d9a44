"""The rollout's machine: what may happen when, what follows, and that it always ends."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyv_fleet.core.policy import Budgets
from pyv_fleet.core.rollout import (
    MOVES,
    ON_ENTRY,
    WITHIN,
    NotNow,
    Plan,
    PlannedWave,
    Rollout,
    already,
    approvals_missing,
    made,
    may_be_everybody,
    moves,
    on_entry,
    step,
)
from pyv_fleet.core.rollout_events import (
    Aborted,
    AllBack,
    Approved,
    CallHuman,
    Cleared,
    Close,
    Event,
    HoldWave,
    LastWaveGood,
    OpenWave,
    Paused,
    Promoted,
    PublishBaseline,
    Resumed,
    Retried,
    Skipped,
    Started,
    Stayed,
    Superseded,
    WaveBad,
    WaveGood,
    WaveUnclear,
)
from pyv_fleet.core.words import OnBad, RolloutState
from pyvorin_edge.identity import ChannelName, Digest

EVENTS: tuple[type[Event], ...] = (
    Started, Approved, Cleared, WaveGood, LastWaveGood, WaveBad, WaveUnclear, Promoted, Retried, Skipped, Paused,
    Resumed, Aborted, Stayed, Superseded, AllBack,
)  # fmt: skip


def rollout(
    waves: tuple[str, ...] = ("1%", "100%"),
    baseline: str | None = "b" * 64,
    soak: int = 1,
    gates: tuple[int, ...] = (),
    **more: Any,
) -> Rollout:
    plan = Plan(
        id="r",
        channel=ChannelName("stable"),
        release=Digest("a" * 64),
        baseline=None if baseline is None else Digest(baseline),
        attempt=1,
        baseline_attempt=1,
        salt="s",
        waves=tuple(
            PlannedWave(cohort=cohort, soak_seconds=soak, approve=number in gates)
            for number, cohort in enumerate(waves)
        ),
        deadline_seconds=60,
        spread_seconds=0,
        budgets=Budgets(),
        reason="r",
        created_by="maker",
        created_at=0,
        **more,
    )
    return made(plan)


def event_of(kind: type[Event], at: Rollout, number: int = 1) -> Event:
    more: dict[type[Event], dict[str, Any]] = {
        Approved: {"by": f"person-{number}"},
        Cleared: {"everybody": at.plan.waves[at.wave].cohort == "100%"},
        Retried: {"attempt": at.attempt + 1},
        Skipped: {"device_ids": (f"FLEET-{number}",)},
    }
    return kind(at=number, because=kind.__name__, **more.get(kind, {}))


def after(at: Rollout, *events: type[Event]) -> Rollout:
    for number, event in enumerate(events):
        at, _ = step(at, event_of(event, at, number))
    return at


def test_good_waves_open_one_after_the_other_until_it_is_complete() -> None:
    at, effects = step(rollout(), event_of(Started, rollout()))
    assert (at.state, effects) == (RolloutState.WAITING, ())
    at, effects = step(at, Cleared(at=5, because="nothing in the way", everybody=False))
    assert (at.state, effects, at.since) == (RolloutState.ROLLING, (OpenWave(0),), 5)
    at = after(at, WaveGood)
    at, effects = step(at, Cleared(at=6, because="nothing in the way", everybody=True))
    assert (at.wave, effects) == (1, (OpenWave(1),))
    at, effects = step(at, LastWaveGood(at=7, because="all good"))
    assert (at.state, effects, at.ended_at, at.ended) == (RolloutState.COMPLETED, (Close(),), 7, True)


def test_a_bad_wave_brings_the_baseline_back_and_calls_a_human() -> None:
    at, effects = step(after(rollout(), Started, Cleared), WaveBad(at=2, because="FLEET-1 went back"))
    assert (at.state, effects) == (RolloutState.REVERTING, (PublishBaseline(), CallHuman()))
    at, effects = step(at, AllBack(at=3, because="all are back"))
    assert (at.state, effects) == (RolloutState.REVERTED, (Close(),))
    assert at.because == "FLEET-1 went back; all are back"


def test_a_bad_wave_holds_where_the_plan_says_so() -> None:
    at, effects = step(after(rollout(on_bad=OnBad.PAUSE), Started, Cleared), WaveBad(at=2, because="bad"))
    assert (at.state, effects) == (RolloutState.PAUSED, (HoldWave(), CallHuman()))


def test_a_wave_that_turns_bad_while_the_next_is_waited_for_is_bad_all_the_same() -> None:
    waiting = after(rollout(), Started, Cleared, WaveGood)
    at, effects = step(waiting, WaveBad(at=2, because="late"))
    assert (at.state, at.wave, effects) == (RolloutState.REVERTING, 0, (PublishBaseline(), CallHuman()))


def test_what_cannot_be_judged_pauses_and_never_passes() -> None:
    at, effects = step(after(rollout(), Started, Cleared), WaveUnclear(at=2, because="no data"))
    assert (at.state, effects) == (RolloutState.PAUSED, (HoldWave(), CallHuman()))


def test_a_resumed_rollout_opens_the_same_wave_again_with_a_new_deadline() -> None:
    at = after(rollout(), Started, Cleared, WaveGood, Cleared, Paused)
    at, effects = step(at, Resumed(at=99, because="looked"))
    assert (at.wave, at.since, effects) == (1, 99, (OpenWave(1),))


def test_one_that_was_paused_while_it_waited_waits_again() -> None:
    at, effects = step(after(rollout(), Started, Cleared, WaveGood, Paused), Resumed(at=9, because="x"))
    assert (at.state, at.wave, effects) == (RolloutState.WAITING, 1, ())


def test_what_nobody_was_let_into_holds_and_brings_back_nothing() -> None:
    waiting = after(rollout(), Started)
    assert step(waiting, event_of(Paused, waiting))[1] == (CallHuman(),)
    at, effects = step(waiting, event_of(Aborted, waiting))
    assert (at.state, effects) == (RolloutState.REVERTED, (Close(),))


def test_an_abort_reverts_and_an_abort_that_stays_holds() -> None:
    assert after(rollout(), Started, Cleared, Aborted).state is RolloutState.REVERTING
    paused = after(rollout(), Started, Cleared, Paused)
    at, effects = step(paused, Stayed(at=3, because="enough"))
    assert (at.state, effects) == (RolloutState.ABORTED, (HoldWave(), Close()))


def test_never_the_whole_channel_without_a_canary_that_soaked_and_was_good() -> None:
    for path in ((Started, Cleared, Promoted), (Started, Cleared, Paused, Promoted)):
        at = after(rollout(), *path)
        with pytest.raises(NotNow, match="no smaller one soaked"):
            step(at, event_of(Cleared, at))
    unsoaked = after(rollout(soak=0), Started, Cleared, WaveGood)
    with pytest.raises(NotNow, match="no smaller one soaked"):
        step(unsoaked, event_of(Cleared, unsoaked))


@pytest.mark.parametrize("more", [{"emergency": True}, {"alone": True}, {"baseline": None}])
def test_emergencies_single_devices_and_first_releases_need_none(more: dict[str, Any]) -> None:
    assert after(rollout(("100%",), **more), Started, Cleared).state is RolloutState.ROLLING


def test_a_wave_in_words_that_is_everybody_counts_as_everybody() -> None:
    at = after(rollout(("site=a", "100%")), Started)
    with pytest.raises(NotNow, match="whole channel"):
        step(at, Cleared(at=1, because="x", everybody=True))


def test_four_eyes_are_two_people() -> None:
    at = after(rollout(approvals=1), Started)
    with pytest.raises(NotNow, match="waits for 1 more"):
        step(at, event_of(Cleared, at))
    with pytest.raises(NotNow, match="maker made this rollout"):
        step(at, Approved(at=1, because="x", by="maker"))
    assert after(at, Approved, Cleared).state is RolloutState.ROLLING


def test_the_same_person_s_approval_counts_once() -> None:
    at = after(rollout(approvals=2), Started)
    at, _ = step(at, Approved(at=1, because="x", by="a"))
    assert already(at, Approved(at=2, because="x", by="a"))
    assert approvals_missing(at) == 1


def test_a_gate_waits_for_its_own_approval() -> None:
    at = after(rollout(gates=(1,)), Started, Cleared, WaveGood)
    assert "approve" in moves(at)
    with pytest.raises(NotNow, match="waits for 1 more"):
        step(at, event_of(Cleared, at))
    at, effects = step(at, Approved(at=9, because="looks well", by="maker"))
    assert (effects, after(at, Cleared).wave) == ((), 1)


def test_a_retry_opens_the_same_wave_with_a_higher_attempt() -> None:
    at, effects = step(after(rollout(), Started, Cleared, Paused), Retried(at=1, because="x", attempt=4))
    assert (at.attempt, at.state, effects) == (4, RolloutState.ROLLING, (OpenWave(0),))
    with pytest.raises(NotNow, match="not above"):
        step(at, Retried(at=1, because="x", attempt=4))


def test_skipping_devices_opens_nothing_anew() -> None:
    at, effects = step(after(rollout(), Started, Cleared), Skipped(at=1, because="x", device_ids=("a", "b")))
    assert (at.skipped, at.state, effects) == (("a", "b"), RolloutState.ROLLING, ())


def test_not_now_says_what_can_be_done() -> None:
    rolling = after(rollout(), Started, Cleared)
    with pytest.raises(
        NotNow, match=r"cannot start: rollout r is rolling.*promote, retry, skip, pause, abort"
    ) as caught:
        step(rolling, event_of(Started, rolling))
    assert caught.value.moves == ("promote", "retry", "skip", "pause", "abort", "abort --stay", "supersede")
    with pytest.raises(NotNow, match="it has ended"):
        step(after(rolling, Superseded), Paused(at=1, because="x"))


def test_a_wave_in_the_middle_is_never_the_last_one() -> None:
    with pytest.raises(NotNow):
        step(after(rollout(), Started, Cleared), LastWaveGood(at=1, because="x"))
    with pytest.raises(NotNow):
        step(after(rollout(("100%",), alone=True), Started, Cleared), WaveGood(at=1, because="x"))


def test_a_first_release_has_nothing_to_go_back_to() -> None:
    rolling = after(rollout(("100%",), baseline=None), Started, Cleared)
    at, effects = step(rolling, WaveBad(at=1, because="bad"))
    assert (at.state, effects) == (RolloutState.PAUSED, (HoldWave(), CallHuman()))
    assert "abort" not in moves(at)
    with pytest.raises(NotNow, match="no earlier one"):
        step(at, Aborted(at=2, because="x"))
    assert after(at, Stayed).ended


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ((Started,), Started),
        ((Started, Cleared, Paused), Paused),
        ((Started, Cleared), Resumed),
        ((Started, Cleared, Aborted), Aborted),
        ((Started, Cleared, Stayed), Stayed),
    ],
)
def test_asking_for_what_has_come_about_is_no_mistake(path: tuple[type[Event], ...], asked: type[Event]) -> None:
    at = after(rollout(), *path)
    assert already(at, event_of(asked, at))


def test_starting_again_asks_for_the_same_effects() -> None:
    at = after(rollout(), Started, Cleared, WaveGood)
    at, effects = step(at, event_of(Cleared, at))
    assert on_entry(at) == effects


def test_every_state_and_every_event_stands_in_the_tables() -> None:
    assert set(MOVES) == set(ON_ENTRY) == set(RolloutState)
    assert {event for moves in MOVES.values() for event in moves} == set(EVENTS)


@given(
    st.lists(st.sampled_from(EVENTS), max_size=60), st.integers(1, 4), st.booleans(), st.integers(0, 2), st.booleans(),
    st.sampled_from(OnBad), st.sets(st.integers(0, 3)),
)  # fmt: skip
def test_under_any_order_of_events_it_keeps_to_its_rules_and_can_always_end(
    events: list[type[Event]], waves: int, first: bool, approvals: int, emergency: bool, on_bad: OnBad, gates: set[int]
) -> None:
    at = rollout(
        ("1%",) * (waves - 1) + ("100%",), baseline=None if first else "b" * 64, gates=tuple(gates),
        approvals=approvals, emergency=emergency, on_bad=on_bad,
    )  # fmt: skip
    opened: list[int] = []
    soaked = False
    for number, event in enumerate(events):
        before = at
        try:
            at, effects = step(at, event_of(event, at, number))
        except NotNow:
            continue
        soaked = soaked or event is WaveGood
        assert not before.ended
        assert 0 <= at.wave < waves
        assert not (at.state is RolloutState.REVERTING and first)
        assert event in WITHIN or at.ended == (Close() in effects) == (at.ended_at is not None)
        for effect in effects:
            if isinstance(effect, OpenWave):
                assert effect.wave <= len(set(opened)), "no wave is skipped"
                assert approvals_missing(before) == 0, "nothing opens before its approvals"
                assert soaked or emergency or first or effect.wave < waves - 1, "never everybody without a canary"
                opened.append(effect.wave)
        assert not (effects and not opened and {HoldWave(), PublishBaseline()} & set(effects))
    assert opened == sorted(opened)
    assert at.ended or after(at, Superseded).ended


@given(st.integers(2, 14))
def test_judgements_alone_always_bring_it_to_an_end(waves: int) -> None:
    at = after(rollout(("1%",) * (waves - 1) + ("100%",)), Started, *[Cleared, WaveGood] * (waves - 1), Cleared)
    assert after(at, LastWaveGood).state is RolloutState.COMPLETED
    assert may_be_everybody(at)

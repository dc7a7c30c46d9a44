"""The rollout's machine: what may happen when, what follows, and that it always ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyv_fleet.core.rollout import (
    MOVES,
    ON_ENTRY,
    Aborted,
    AllBack,
    CallHuman,
    Close,
    Event,
    HoldWave,
    LastWaveGood,
    NotNow,
    OpenWave,
    Paused,
    Plan,
    PublishBaseline,
    Resumed,
    Rollout,
    Started,
    Stayed,
    Superseded,
    WaveBad,
    WaveGood,
    WaveUnclear,
    moves,
    on_entry,
    step,
)
from pyv_fleet.core.views import Budgets
from pyv_fleet.core.words import RolloutState
from pyvorin_edge.identity import ChannelName, Digest

EVENTS: tuple[type[Event], ...] = (
    Started, WaveGood, LastWaveGood, WaveBad, WaveUnclear, Paused, Resumed, Aborted, Stayed, Superseded, AllBack,
)  # fmt: skip


def rollout(waves: tuple[str, ...] = ("1%", "100%"), baseline: str | None = "b" * 64) -> Rollout:
    plan = Plan(
        id="r",
        channel=ChannelName("stable"),
        release=Digest("a" * 64),
        baseline=None if baseline is None else Digest(baseline),
        attempt=1,
        baseline_attempt=1,
        salt="s",
        waves=waves,
        soak_seconds=1,
        deadline_seconds=60,
        spread_seconds=0,
        budgets=Budgets(),
        reason="r",
        created_by="t",
        created_at=0,
    )
    return Rollout(plan=plan)


def after(at: Rollout, *events: type[Event]) -> Rollout:
    for number, event in enumerate(events):
        at, _ = step(at, event(at=number, because=event.__name__))
    return at


def test_good_waves_open_one_after_the_other_until_it_is_complete() -> None:
    at, effects = step(rollout(), Started(at=5, because="go"))
    assert (at.state, effects, at.since) == (RolloutState.ROLLING, (OpenWave(0),), 5)
    at, effects = step(at, WaveGood(at=6, because="good"))
    assert (at.wave, effects) == (1, (OpenWave(1),))
    at, effects = step(at, LastWaveGood(at=7, because="all good"))
    assert (at.state, effects, at.ended_at, at.ended) == (RolloutState.COMPLETED, (Close(),), 7, True)


def test_a_bad_wave_brings_the_baseline_back_and_calls_a_human() -> None:
    at, effects = step(after(rollout(), Started), WaveBad(at=2, because="FLEET-1 went back"))
    assert (at.state, effects) == (RolloutState.REVERTING, (PublishBaseline(), CallHuman()))
    at, effects = step(at, AllBack(at=3, because="all are back"))
    assert (at.state, effects) == (RolloutState.REVERTED, (Close(),))
    assert at.because == "FLEET-1 went back; all are back"


def test_what_cannot_be_judged_pauses_and_never_passes() -> None:
    at, effects = step(after(rollout(), Started), WaveUnclear(at=2, because="no data"))
    assert (at.state, effects) == (RolloutState.PAUSED, (HoldWave(), CallHuman()))


def test_a_resumed_rollout_opens_the_same_wave_again_with_a_new_deadline() -> None:
    at, effects = step(after(rollout(), Started, WaveGood, Paused), Resumed(at=99, because="looked"))
    assert (at.wave, at.since, effects) == (1, 99, (OpenWave(1),))


def test_an_abort_reverts_and_an_abort_that_stays_holds() -> None:
    assert after(rollout(), Started, Aborted).state is RolloutState.REVERTING
    at, effects = step(after(rollout(), Started, Paused), Stayed(at=3, because="enough"))
    assert (at.state, effects) == (RolloutState.ABORTED, (HoldWave(), Close()))


def test_not_now_says_what_can_be_done() -> None:
    with pytest.raises(NotNow, match=r"cannot resume: rollout r is rolling.*pause, abort, abort --stay") as caught:
        step(after(rollout(), Started), Resumed(at=1, because="x"))
    assert caught.value.moves == ("pause", "abort", "abort --stay", "supersede")
    with pytest.raises(NotNow, match="it has ended"):
        step(after(rollout(), Started, Superseded), Paused(at=1, because="x"))


def test_a_wave_in_the_middle_is_never_the_last_one() -> None:
    with pytest.raises(NotNow):
        step(after(rollout(), Started), LastWaveGood(at=1, because="x"))
    with pytest.raises(NotNow):
        step(after(rollout(("100%",)), Started), WaveGood(at=1, because="x"))


def test_a_first_release_has_nothing_to_go_back_to() -> None:
    rolling = after(rollout(("100%",), baseline=None), Started)
    at, effects = step(rolling, WaveBad(at=1, because="bad"))
    assert (at.state, effects) == (RolloutState.PAUSED, (HoldWave(), CallHuman()))
    assert "abort" not in moves(at)
    with pytest.raises(NotNow, match="no earlier one"):
        step(at, Aborted(at=2, because="x"))
    assert after(at, Stayed).ended


def test_starting_again_asks_for_the_same_effects() -> None:
    at, effects = step(after(rollout(), Started), WaveGood(at=1, because="x"))
    assert on_entry(at) == effects


def test_every_state_and_every_event_stands_in_the_tables() -> None:
    assert set(MOVES) == set(ON_ENTRY) == set(RolloutState)
    assert {event for moves in MOVES.values() for event in moves} == set(EVENTS)


@given(st.lists(st.sampled_from(EVENTS), max_size=40), st.integers(1, 4), st.booleans())
def test_under_any_order_of_events_it_keeps_to_its_waves_and_can_always_end(
    events: list[type[Event]], waves: int, first: bool
) -> None:
    at = rollout(("1%",) * (waves - 1) + ("100%",), baseline=None if first else "b" * 64)
    opened = []
    for event in events:
        ended = at.ended
        try:
            at, effects = step(at, event(at=1, because="x"))
        except NotNow:
            continue
        assert not ended
        assert 0 <= at.wave < waves
        assert not (at.state is RolloutState.REVERTING and first)
        assert at.ended == (Close() in effects) == (at.ended_at is not None)
        opened += [effect.wave for effect in effects if isinstance(effect, OpenWave)]
    assert opened == sorted(opened)
    assert at.ended or after(at, Superseded).ended


@given(st.integers(1, 14))
def test_judgements_alone_always_bring_it_to_an_end(waves: int) -> None:
    at = after(rollout(("1%",) * (waves - 1) + ("100%",)), Started, *[WaveGood] * (waves - 1), LastWaveGood)
    assert at.state is RolloutState.COMPLETED

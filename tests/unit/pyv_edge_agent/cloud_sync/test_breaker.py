"""Open after a failure, one try when its time is over, closed by what is taken."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pyv_edge_agent.cloud_sync.breaker import (
    DENIED_LEAST_SECONDS,
    REFUSED_IN_A_ROW_MAX,
    Breaker,
    after_failure,
    after_refusal,
    state_of,
)
from pyv_edge_agent.cloud_sync.interface import Answer, Outcome
from pyvorin_edge.vocabulary import BreakerState

FAILED = Answer(Outcome.LATER, "timeout")


def test_a_failure_opens_it_and_time_lets_one_batch_try() -> None:
    opened = after_failure(Breaker(), FAILED, 100.0, 1.0)
    assert state_of(Breaker(), 100.0) is BreakerState.CLOSED
    assert state_of(opened, 100.9) is BreakerState.OPEN
    assert state_of(opened, 101.0) is BreakerState.HALF_OPEN
    assert opened.reason == "timeout"


def test_a_wrong_key_is_not_tried_each_second() -> None:
    denied = after_failure(Breaker(), Answer(Outcome.DENIED, "401"), 100.0, 0.0)
    assert denied.until == 100.0 + DENIED_LEAST_SECONDS


def test_the_cloud_s_own_word_goes_before_the_back_off_and_is_stretched_by_chance() -> None:
    asked = Answer(Outcome.LATER, "503", 40.0)
    assert after_failure(Breaker(failures=9), asked, 100.0, 0.0).until == 140.0
    assert after_failure(Breaker(), asked, 100.0, 0.5).until == 155.0


def test_one_poisonous_item_after_the_other_means_it_is_not_the_items() -> None:
    breaker, refused = Breaker(), Answer(Outcome.REFUSED, "400")
    for _ in range(REFUSED_IN_A_ROW_MAX - 1):
        breaker = after_refusal(breaker, refused, 100.0, 1.0)
        assert state_of(breaker, 100.0) is BreakerState.CLOSED
    breaker = after_refusal(breaker, refused, 100.0, 1.0)
    assert state_of(breaker, 100.0) is BreakerState.OPEN
    assert breaker.reason == "it refuses every item: 400"


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1, exclude_max=True)), min_size=1, max_size=40))
def test_however_often_it_fails_it_tries_again_within_the_longest_wait(tries: list[tuple[float, float]]) -> None:
    breaker = Breaker()
    for seconds, chance in tries:
        breaker = after_failure(breaker, FAILED, seconds, chance)
        assert state_of(breaker, seconds) is BreakerState.OPEN
        assert state_of(breaker, seconds + 300.001) is BreakerState.HALF_OPEN

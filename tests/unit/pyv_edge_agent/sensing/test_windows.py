"""Windows say what the readings in them say, and never hold more than they may."""

from __future__ import annotations

import math
import statistics
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyv_edge_agent.sensing.settings import WindowSettings
from pyv_edge_agent.sensing.windows import AGGREGATES, Window
from pyvorin_edge.config.sections.windows import TIMED_READINGS_MAX
from pyvorin_edge.vocabulary import Aggregate, WindowMode


def window(**settings: Any) -> Window:
    return Window(WindowSettings(name="w", aggregates=(Aggregate.MEAN,), **settings))


def fed(made: Window, *points: tuple[float, float]) -> list[float | None]:
    return [made.add(value, at).get(Aggregate.MEAN) for at, value in points]


def test_a_tumbling_window_of_readings_speaks_when_full_and_starts_empty() -> None:
    made = window(size=3)
    assert fed(made, (0, 1), (1, 2), (2, 3), (3, 10)) == [None, None, 2.0, None]
    assert len(made) == 1


def test_a_tumbling_window_of_seconds_speaks_with_the_first_reading_after_it() -> None:
    made = window(seconds=10.0)
    assert fed(made, (100, 1), (105, 3), (110, 9), (135, 7), (141, 1)) == [None, None, 2.0, 9.0, 7.0]


def test_a_sliding_window_speaks_every_so_many_readings_of_the_newest() -> None:
    made = window(size=2, mode=WindowMode.SLIDING, every=2)
    assert fed(made, (0, 1), (1, 2), (2, 3), (3, 5)) == [None, 1.5, None, 4.0]


def test_a_sliding_window_of_seconds_forgets_by_time() -> None:
    made = window(seconds=10.0, mode=WindowMode.SLIDING)
    assert fed(made, (0, 1), (5, 3), (10, 5)) == [1.0, 2.0, 4.0]


def test_memory_is_bounded_also_by_time() -> None:
    made = window(seconds=1e6, mode=WindowMode.SLIDING)
    for at in range(TIMED_READINGS_MAX + 5):
        made.add(1.0, float(at))
    assert len(made) == TIMED_READINGS_MAX


def test_every_aggregate_says_what_its_name_says() -> None:
    made = Window(WindowSettings(name="w", size=10, mode=WindowMode.SLIDING, aggregates=tuple(Aggregate)))
    said: dict[Aggregate, float] = {}
    for at, value in enumerate([4.0, 1.0, 3.0, 2.0, 10.0]):
        said = made.add(value, 2.0 * at)
    assert said == {
        Aggregate.COUNT: 5, Aggregate.SUM: 20.0, Aggregate.MEAN: 4.0, Aggregate.MIN: 1.0, Aggregate.MAX: 10.0,
        Aggregate.STDDEV: pytest.approx(statistics.stdev([4, 1, 3, 2, 10])), Aggregate.FIRST: 4.0, Aggregate.LAST: 10.0,
        Aggregate.RATE: 0.75, Aggregate.P50: 3.0, Aggregate.P95: 10.0,
    }  # fmt: skip
    assert set(AGGREGATES) == set(Aggregate)


def test_one_reading_has_no_spread_and_no_rate_and_none_says_nothing() -> None:
    made = window(size=5)
    assert made.aggregate(Aggregate.MEAN) is None
    made.add(7.0, 1.0)
    assert (made.aggregate(Aggregate.STDDEV), made.aggregate(Aggregate.RATE)) == (0.0, 0.0)


def test_what_overflows_is_not_said() -> None:
    made = Window(WindowSettings(name="w", size=2, aggregates=(Aggregate.STDDEV,)))
    made.add(1e308, 0.0)
    assert made.add(-1e308, 1.0) == {}


@given(
    st.lists(st.tuples(st.floats(0, 5), st.floats(-1e300, 1e300)), max_size=30),
    st.sampled_from(list(WindowMode)),
    st.sampled_from([{"size": 4}, {"seconds": 6.0}]),
)
def test_any_readings_give_finite_words_and_bounded_memory(
    steps: list[tuple[float, float]], mode: WindowMode, size: dict[str, Any]
) -> None:
    made = Window(WindowSettings(name="w", mode=mode, aggregates=tuple(Aggregate), **size))
    at = 0.0
    for step, value in steps:
        at += step
        assert all(math.isfinite(said) for said in made.add(value, at).values())
        assert "size" not in size or len(made) <= 4

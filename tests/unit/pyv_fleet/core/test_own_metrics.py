"""A metric of the user's own: what is no value is neither good nor bad, and bounds break when they break for good."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyv_fleet.core.analysis_terms import OwnMetric
from pyv_fleet.core.own_metrics import (
    Bounds,
    NoValue,
    after_no_value,
    after_values,
    after_values_by_device,
    judged,
    query_for,
    value_of,
    values_of,
)
from pyv_fleet.core.words import Verdict, Worse

LATENCY = OwnMetric(name="latency", query="x{devices}", max=5.0)


def vector(*series: tuple[dict[str, str], str]) -> dict[str, Any]:
    result = [{"metric": labels, "value": [1, value]} for labels, value in series]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


def verdict_of(bounds: Bounds, metric: OwnMetric = LATENCY) -> Verdict | None:
    view = judged(bounds, metric)
    return None if view is None else view.verdict


def test_the_ids_of_a_group_stand_in_the_query_as_a_regular_expression() -> None:
    metric = OwnMetric(name="m", query='up{device_id=~"{devices}"}')
    assert query_for(metric, ["b-2", "a.1"]) == 'up{device_id=~"a\\\\.1|b-2"}'


def test_values_come_by_device() -> None:
    assert values_of(vector(({"device_id": "A"}, "1.5"), ({"device_id": "B"}, "2"))) == {"A": 1.5, "B": 2.0}


def test_a_scalar_is_the_groups_value() -> None:
    assert value_of({"status": "success", "data": {"resultType": "scalar", "result": [1, "7"]}}) == 7.0


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (vector(), "finds nothing"),
        (vector(({}, "NaN")), "no number"),
        (vector(({}, "+Inf")), "no number"),
        (vector(({}, "1"), ({}, "2")), "two values for series without device_id"),
        (vector(({"device_id": "A"}, "1"), ({"device_id": "A"}, "2")), "two values for device_id=A"),
        ({"status": "error", "error": "parse error at char 3"}, "parse error at char 3"),
        ({"status": "success", "data": {"resultType": "matrix", "result": []}}, "gives a matrix"),
        (
            {"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}}]}},
            "without labels or value",
        ),
        ({"status": "success"}, "no success"),
        ({}, "no success"),
    ],
)
def test_what_is_no_value_says_why(answer: dict[str, Any], why: str) -> None:
    with pytest.raises(NoValue, match=why):
        values_of(answer)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


SERIES = st.lists(
    st.fixed_dictionaries({"metric": st.dictionaries(st.text(max_size=3), JSON, max_size=2), "value": JSON}), max_size=3
)
DATA = st.fixed_dictionaries({"resultType": st.sampled_from(["vector", "scalar", 3]), "result": JSON | SERIES})


@given(st.fixed_dictionaries({"status": st.just("success"), "data": DATA | JSON}))
def test_nonsense_is_a_value_or_none_and_never_a_fault(answer: dict[str, Any]) -> None:
    try:
        assert values_of(answer)
    except NoValue as why:
        assert str(why)  # noqa: PT017 - either is right


def test_bounds_break_when_they_break_so_often_in_a_row() -> None:
    bounds = Bounds()
    seen = [verdict_of(bounds := after_values(bounds, LATENCY, value, None)) for value in (9, 9, 1, 9, 9, 9, 1)]
    good, bad = Verdict.GOOD, Verdict.BAD
    assert seen == [good, good, good, good, good, bad, bad]


def test_the_sentence_names_value_and_bound() -> None:
    view = judged(after_values(Bounds(broken=2), LATENCY, 9.0, None), LATENCY)
    assert view is not None
    assert view.said == "latency: 9 in the wave, above 5, 3 times in a row"


@pytest.mark.parametrize(
    ("metric", "wave", "control", "bad"),
    [
        (OwnMetric(name="m", query="{devices}", control_times=2.0, failures=1), 5.0, 2.0, True),
        (OwnMetric(name="m", query="{devices}", control_times=2.0, failures=1), 4.0, 2.0, False),
        (OwnMetric(name="m", query="{devices}", control_times=2.0, failures=1), 0.1, 0.0, True),
        (OwnMetric(name="m", query="{devices}", control_times=2.0, failures=1, difference=1.0), 0.1, 0.0, False),
        (OwnMetric(name="m", query="{devices}", control_times=2.0, failures=1, worse=Worse.LOWER), 1.0, 5.0, True),
        (OwnMetric(name="m", query="{devices}", control_times=2.0, failures=1, worse=Worse.LOWER), 9.0, 5.0, False),
        (OwnMetric(name="m", query="{devices}", min=3.0, failures=1), 2.0, None, True),
    ],
)
def test_the_wave_may_be_so_much_worse_than_the_control(
    metric: OwnMetric, wave: float, control: float | None, bad: bool
) -> None:
    assert (verdict_of(after_values(Bounds(), metric, wave, control), metric) is Verdict.BAD) is bad


def test_without_any_value_it_is_inconclusive_never_good() -> None:
    assert verdict_of(after_no_value(Bounds(), LATENCY, "HTTP 503")) is Verdict.INCONCLUSIVE


def test_one_missing_value_among_others_is_passed_over_and_several_in_a_row_are_not() -> None:
    bounds = after_values(Bounds(), LATENCY, 1.0, None)
    seen = [verdict_of(bounds := after_no_value(bounds, LATENCY, "timeout")) for _ in range(3)]
    assert seen == [Verdict.GOOD, Verdict.GOOD, Verdict.INCONCLUSIVE]


def test_an_answer_without_the_waves_devices_is_no_value() -> None:
    assert verdict_of(after_values_by_device(Bounds(), LATENCY, [])) is Verdict.INCONCLUSIVE


def test_a_dry_run_decides_nothing() -> None:
    metric = OwnMetric(name="m", query="{devices}", max=1.0, failures=1, dry_run=True)
    view = judged(after_values(Bounds(), metric, 2.0, None), metric)
    assert view is not None
    assert (view.verdict, view.decides) == (Verdict.BAD, False)

"""A query of the user's own is of one of two forms, and a misspelt field is an error."""

from __future__ import annotations

import msgspec
import pytest

from pyv_fleet.core.analysis_terms import AnalysisTerms, OwnMetric


@pytest.mark.parametrize(
    ("query", "grouped"),
    [
        ('sum(rate(errors[5m])) by (device_id)', False),
        ('sum(rate(errors{device_id=~"{devices}"}[5m]))', True),
    ],
)  # fmt: skip
def test_a_query_with_a_place_for_the_devices_gives_one_value_a_group(query: str, grouped: bool) -> None:
    assert OwnMetric(name="errors", query=query).grouped is grouped


@pytest.mark.parametrize(
    "wrong",
    [{"alpha": 5}, {"metrics": [{"name": "Latency", "query": "x"}]}, {"min_devices": 1}, {"decide": ["temperature"]}],
)
def test_what_is_not_understood_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, AnalysisTerms)

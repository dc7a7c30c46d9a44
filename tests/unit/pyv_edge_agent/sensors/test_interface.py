"""A reading is a frozen value with the documented fields; what is none is told without being shown."""

from __future__ import annotations

from typing import Any

import pytest

from pyv_edge_agent.sensors.interface import SensorReading, fault_of


def test_a_reading_needs_no_unit_and_no_metadata() -> None:
    reading = SensorReading("t", 1.0, 20.5)
    assert (reading.unit, reading.metadata) == ("", {})


def test_a_reading_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        SensorReading("t", 1.0, 20.5).value = 3  # type: ignore[misc]


@pytest.mark.parametrize("value", [1, 1.5, -2, True, None, "open", ""])
def test_plain_values_pass(value: Any) -> None:
    assert fault_of(SensorReading("t", 1.0, value, "C", {"k": [1, {"x": None}]})) is None


@pytest.mark.parametrize(
    "odd",
    [
        None,
        {"value": 1},
        SensorReading("t", 1.0, float("nan")),
        SensorReading("t", 1.0, float("inf")),
        SensorReading("t", float("nan"), 1),
        SensorReading("t", "now", 1),  # type: ignore[arg-type]
        SensorReading(5, 1.0, 1),  # type: ignore[arg-type]
        SensorReading("t", 1.0, 10**400),
        SensorReading("t", 1.0, "hush" * 2000),
        SensorReading("t", 1.0, [1]),  # type: ignore[arg-type]
        SensorReading("t", 1.0, 1, "C", {"k": object()}),
        SensorReading("t", 1.0, 1, "C", {"k": float("nan")}),
        SensorReading("t", 1.0, 1, "C", {"k": "hush" * 9000}),
        SensorReading("t", 1.0, 1, "C", [1]),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_reading_is_told(odd: Any) -> None:
    fault = fault_of(odd)
    assert fault
    assert "hush" not in fault

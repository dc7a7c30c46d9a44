"""A reading is a frozen value with the documented fields."""

import pytest

from pyv_edge_agent.sensors.interface import SensorReading


def test_a_reading_needs_no_unit_and_no_metadata() -> None:
    reading = SensorReading("t", 1.0, 20.5)
    assert (reading.unit, reading.metadata) == ("", {})


def test_a_reading_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        SensorReading("t", 1.0, 20.5).value = 3  # type: ignore[misc]

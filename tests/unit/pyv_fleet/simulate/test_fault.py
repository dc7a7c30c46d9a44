"""A sensor's name makes a config bad on purpose; what a device does then stands in test_device.py."""

from __future__ import annotations

import pytest

from pyv_fleet.simulate.fault import Fault, fault_of


@pytest.mark.parametrize("fault", list(Fault))
def test_a_sensor_names_the_fault(fault: Fault) -> None:
    assert fault_of(["t", f"fault-{fault.value}"]) is fault


def test_no_other_name_is_one() -> None:
    assert fault_of(["t", "fault-", "fault-tree", "crash"]) is None

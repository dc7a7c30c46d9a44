"""What a device says of itself moves its own line, never the fleet's figures by nonsense."""

from __future__ import annotations

from typing import Any

import pytest

from pyv_fleet.engine.statuses import after_beat, figures_of
from pyv_fleet.store.status import StatusRecord
from pyvorin_edge.report import Beat


@pytest.mark.parametrize("value", [1e12, -1, 100.1, 10**40, True, "5", None, [1]])
def test_a_percentage_that_cannot_be_counts_nowhere(value: Any) -> None:
    found = figures_of({"metrics": {"cpu_percent": value, "disk_percent": value, "ram_percent": value}})
    assert (found["cpu_percent"], found["disk_percent"], found["ram_percent"]) == (None, None, None)


@pytest.mark.parametrize("value", [0, 0.0, 37.5, 100])
def test_a_percentage_that_can_be_counts(value: float) -> None:
    assert figures_of({"metrics": {"cpu_percent": value}})["cpu_percent"] == value


def test_a_beats_nonsense_counts_nowhere() -> None:
    sane = StatusRecord(device_id="dev-a", cpu_percent=20.0, disk_percent=10.0)
    beat = Beat(b=1, c=1, s=2, of=1, m=(1e300, -5.0, 1e9, 1e300, 3))
    wild = after_beat(sane, beat, 0, connected=True)
    assert (wild.cpu_percent, wild.ram_percent, wild.disk_percent, wild.temperature) == (None, None, None, None)
    assert wild.queue_depth == 3

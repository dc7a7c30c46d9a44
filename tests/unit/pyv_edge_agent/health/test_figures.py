"""Figures are plausible where they can be read, and absent where not."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from pyv_edge_agent.health.figures import SystemFigures


def test_this_machines_figures_are_plausible(tmp_path: Path) -> None:
    now = 50.0
    figures = SystemFigures(tmp_path, monotonic=lambda: now, clock=lambda: 9.0)
    now = 62.0
    metrics = figures.read()
    for percent in (metrics.cpu_percent, metrics.ram_percent, metrics.disk_percent):
        assert percent is not None
        assert 0 <= percent <= 100
    assert (metrics.uptime_seconds, metrics.timestamp) == (12.0, 9.0)


def test_what_cannot_be_read_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise OSError("no /proc here")

    for name in ("cpu_percent", "virtual_memory", "disk_usage"):
        monkeypatch.setattr(psutil, name, fails)
    monkeypatch.setattr(psutil, "sensors_temperatures", fails, raising=False)
    metrics = SystemFigures(tmp_path).read()
    assert (metrics.cpu_percent, metrics.ram_percent, metrics.disk_percent, metrics.thermal_celsius) == (None,) * 4


def test_two_readers_within_a_second_get_the_same(tmp_path: Path) -> None:
    now = 50.0
    figures = SystemFigures(tmp_path, monotonic=lambda: now)
    first = figures.read()
    now = 50.5
    assert figures.read() is first
    now = 51.5
    assert figures.read() is not first

"""Figures are what /proc and /sys say, plausible on this machine, and absent where they cannot be read."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from pyv_edge_agent.health.figures import SystemFigures


def lay(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_this_machines_figures_are_plausible(tmp_path: Path) -> None:
    now = 50.0
    figures = SystemFigures(tmp_path, monotonic=lambda: now, clock=lambda: 9.0)
    now = 62.0
    metrics = figures.read()
    for percent in (metrics.ram_percent, metrics.disk_percent):
        assert percent is not None
        assert 0 <= percent <= 100
    assert (metrics.uptime_seconds, metrics.timestamp) == (12.0, 9.0)


def test_memory_and_disk_are_what_psutil_says(tmp_path: Path) -> None:
    metrics = SystemFigures(tmp_path).read()
    assert metrics.ram_percent == pytest.approx(psutil.virtual_memory().percent, abs=10)  # others work here too
    assert metrics.disk_percent == pytest.approx(psutil.disk_usage(str(tmp_path)).percent, abs=5)


def test_processor_use_is_the_mean_since_the_reading_before(tmp_path: Path) -> None:
    # user nice system idle iowait irq softirq steal guest guest_nice
    lay(tmp_path, "proc/stat", "cpu  100 0 100 700 100 0 0 0 50 0\ncpu0 1 2 3\n")
    figures = SystemFigures(tmp_path, root=tmp_path)
    lay(tmp_path, "proc/stat", "cpu  110 5 110 745 120 0 5 5 60 0\n")
    assert figures.read().cpu_percent == 35.0


def test_memory_that_can_be_had_again_is_free(tmp_path: Path) -> None:
    lay(tmp_path, "proc/meminfo", "MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 600 kB\nHugePages_Total: 0\n")
    assert SystemFigures(tmp_path, root=tmp_path).read().ram_percent == 40.0


@pytest.mark.parametrize(
    ("files", "celsius"),
    [
        ({"hwmon/hwmon0/temp1_input": "41000\n", "hwmon/hwmon1/device/temp2_input": "52500\n"}, 52.5),
        ({"hwmon/hwmon0/temp1_input": "41000\n", "hwmon/hwmon0/temp2_input": "127000\n"}, 41.0),
        ({"thermal/thermal_zone0/temp": "48312\n"}, 48.312),
        ({"thermal/thermal_zone0/temp": "broken\n"}, None),
        ({}, None),
    ],
)
def test_the_hottest_plausible_place_is_the_temperature(
    tmp_path: Path, files: dict[str, str], celsius: float | None
) -> None:
    for name, text in files.items():
        lay(tmp_path, f"sys/class/{name}", text)
    assert SystemFigures(tmp_path, root=tmp_path).read().thermal_celsius == celsius


def test_what_cannot_be_read_is_none(tmp_path: Path) -> None:
    metrics = SystemFigures(tmp_path / "gone", root=tmp_path / "gone").read()
    assert (metrics.cpu_percent, metrics.ram_percent, metrics.disk_percent, metrics.thermal_celsius) == (None,) * 4


def test_two_readers_within_a_second_get_the_same(tmp_path: Path) -> None:
    now = 50.0
    figures = SystemFigures(tmp_path, monotonic=lambda: now)
    first = figures.read()
    now = 50.5
    assert figures.read() is first
    now = 51.5
    assert figures.read() is not first

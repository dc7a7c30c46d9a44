"""The machine's figures, from /proc and /sys. What cannot be read is none; reading never raises.

Four figures need none of the 1.1 MiB that psutil keeps; `diag`, which ends, uses it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from pyv_edge_agent.health.document import Metrics

#: Two readers within this time get the same figures: processor use over a few milliseconds means nothing.
FRESH_SECONDS: Final = 1.0
#: Sensors that report 0 or 127 °C and the like are broken, not hot.
_PLAUSIBLE_CELSIUS: Final = (-60.0, 125.0)


#: /proc/stat's columns that are no work: idle, iowait; those after `steal` are counted in the first two already.
_IDLE: Final = (3, 4)
_COLUMNS: Final = 8


class _Ticks(NamedTuple):
    busy: int
    all: int


class SystemFigures:
    """Reads the figures at most once a second; processor use is the mean since the reading before."""

    def __init__(
        self,
        state_dir: Path,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,  # noqa: TID251 - the figures' clock
        root: Path = Path("/"),
    ) -> None:
        """`root`: where proc and sys lie."""
        self._state_dir = state_dir
        self._monotonic = monotonic
        self._clock = clock
        self._started_at = monotonic()
        self._lock = threading.Lock()
        self._last: tuple[float, Metrics] | None = None
        self._root = root
        self._ticks = _ticks(root)  # what the first reading compares with

    def read(self) -> Metrics:
        """The figures, not older than a second."""
        with self._lock:
            now = self._monotonic()
            if self._last is None or now - self._last[0] >= FRESH_SECONDS:
                self._last = (now, self._read(now))
            return self._last[1]

    def _read(self, now: float) -> Metrics:
        return Metrics(
            cpu_percent=self._cpu_percent(),
            ram_percent=_ram_percent(self._root),
            disk_percent=_disk_percent(self._state_dir),
            thermal_celsius=_thermal_celsius(self._root),
            uptime_seconds=round(now - self._started_at, 1),
            timestamp=self._clock(),
        )

    def _cpu_percent(self) -> float | None:
        before, now = self._ticks, _ticks(self._root)
        self._ticks = now
        if before is None or now is None or now.all <= before.all:
            return None
        return _percent(now.busy - before.busy, now.all - before.all)


def _ticks(root: Path) -> _Ticks | None:
    try:
        line, _, _ = (root / "proc/stat").read_text(encoding="ascii").partition("\n")
        columns = [int(word) for word in line.split()[1 : 1 + _COLUMNS]]
        return _Ticks(sum(columns) - sum(columns[one] for one in _IDLE), sum(columns))
    except (OSError, ValueError, IndexError):
        return None


def _ram_percent(root: Path) -> float | None:
    try:
        lines = (root / "proc/meminfo").read_text(encoding="ascii").splitlines()
        kib = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
        return _percent(kib["MemTotal"] - kib["MemAvailable"], kib["MemTotal"])
    except (OSError, ValueError, LookupError, ZeroDivisionError):
        return None


def _disk_percent(path: Path) -> float | None:
    """Of what this user may fill: blocks kept for root are no room."""
    try:
        found = os.statvfs(path)
        used = found.f_blocks - found.f_bfree
        return _percent(used, used + found.f_bavail)
    except (OSError, ZeroDivisionError):
        return None


def _thermal_celsius(root: Path) -> float | None:
    """The hottest that is plausible, of the hardware monitors; of the thermal zones where there is no monitor."""
    monitors = [*(root / "sys/class/hwmon").glob("hwmon*/temp*_input")]
    monitors += (root / "sys/class/hwmon").glob("hwmon*/device/temp*_input")
    found = [_celsius(path) for path in monitors or (root / "sys/class/thermal").glob("thermal_zone*/temp")]
    low, high = _PLAUSIBLE_CELSIUS
    return max((one for one in found if one is not None and low < one < high), default=None)


def _celsius(path: Path) -> float | None:
    try:
        return int(path.read_text(encoding="ascii")) / 1000
    except (OSError, ValueError):
        return None


def _percent(part: int, whole: int) -> float:
    return round(min(max(100 * part / whole, 0.0), 100.0), 1)

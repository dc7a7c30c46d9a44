"""The machine's figures, read with psutil. What cannot be read is none; reading never raises."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import psutil

from pyv_edge_agent.health.document import Metrics

#: Two readers within this time get the same figures: processor use over a few milliseconds means nothing.
FRESH_SECONDS: Final = 1.0
#: Sensors that report 0 or 127 °C and the like are broken, not hot.
_PLAUSIBLE_CELSIUS: Final = (-60.0, 125.0)


class SystemFigures:
    """Reads the figures at most once a second; processor use is the mean since the reading before."""

    def __init__(
        self,
        state_dir: Path,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,  # noqa: TID251 - the figures' clock
    ) -> None:
        self._state_dir = state_dir
        self._monotonic = monotonic
        self._clock = clock
        self._started_at = monotonic()
        self._lock = threading.Lock()
        self._last: tuple[float, Metrics] | None = None
        _cpu_percent()  # the first answer of psutil has nothing to compare with

    def read(self) -> Metrics:
        """The figures, not older than a second."""
        with self._lock:
            now = self._monotonic()
            if self._last is None or now - self._last[0] >= FRESH_SECONDS:
                self._last = (now, self._read(now))
            return self._last[1]

    def _read(self, now: float) -> Metrics:
        return Metrics(
            cpu_percent=_cpu_percent(),
            ram_percent=_ram_percent(),
            disk_percent=_disk_percent(self._state_dir),
            thermal_celsius=_thermal_celsius(),
            uptime_seconds=round(now - self._started_at, 1),
            timestamp=self._clock(),
        )


def _cpu_percent() -> float | None:
    try:
        return psutil.cpu_percent(interval=None)
    except (psutil.Error, OSError):
        return None


def _ram_percent() -> float | None:
    try:
        return psutil.virtual_memory().percent
    except (psutil.Error, OSError):
        return None


def _disk_percent(path: Path) -> float | None:
    try:
        return psutil.disk_usage(str(path)).percent
    except (psutil.Error, OSError):
        return None


def _thermal_celsius() -> float | None:
    try:
        sensors = psutil.sensors_temperatures()
    except (psutil.Error, OSError, AttributeError, ValueError):
        return None
    low, high = _PLAUSIBLE_CELSIUS
    return max((one.current for group in sensors.values() for one in group if low < one.current < high), default=None)

"""Windows: the last readings of a sensor, by number or by time, and what they say together. Memory is bounded.

Time is the device's own uptime at which a reading came: a clock that is set right at boot moves no window.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from pyv_edge_agent.sensing.settings import WindowSettings
from pyvorin_edge.config.sections.windows import TIMED_READINGS_MAX
from pyvorin_edge.vocabulary import Aggregate, WindowMode

#: a reading in a window: uptime in seconds, value
Point = tuple[float, float]
Points = deque[Point]


class Window:
    """One window over one sensor. `add` says what it has to say, `aggregate` asks it about what is in it now."""

    def __init__(self, settings: WindowSettings) -> None:
        self.settings = settings
        self._points: Points = deque(maxlen=settings.size or TIMED_READINGS_MAX)
        self._since_spoken = 0
        self._opened_at: float | None = None
        self._full = False
        self._known: dict[Aggregate, float] = {}

    def __len__(self) -> int:
        return len(self._points)

    def add(self, value: float, at_seconds: float) -> dict[Aggregate, float]:
        """Take a reading that came at `at_seconds`; the aggregates that are due now, none of them most of the time."""
        said = self._before(at_seconds)
        self._points.append((at_seconds, value))
        self._known.clear()
        return self._after() or said

    def aggregate(self, what: Aggregate) -> float | None:
        """What the readings in it say now, infinite if that is too large a number; none if it is empty."""
        if not self._points:
            return None
        found = self._known.get(what)
        if found is None:
            found = self._known[what] = _finite(AGGREGATES[what], self._points)
        return found

    def _before(self, at_seconds: float) -> dict[Aggregate, float]:
        """A full window begins anew; one of seconds lets go of what is too old, but a tumbling one speaks first."""
        if self._full:
            self._empty()
        seconds = self.settings.seconds
        if seconds is None:
            return {}
        if self.settings.mode is WindowMode.SLIDING:
            while self._points and self._points[0][0] <= at_seconds - seconds:
                self._points.popleft()
            return {}
        if self._opened_at is None:
            self._opened_at = at_seconds
        if at_seconds - self._opened_at < seconds:
            return {}
        # the next one begins on the beat of the first, however long nothing came
        self._opened_at += math.floor((at_seconds - self._opened_at) / seconds) * seconds
        said = self._spoken()
        self._empty()
        return said

    def _after(self) -> dict[Aggregate, float]:
        if self.settings.mode is WindowMode.SLIDING:
            self._since_spoken += 1
            if self._since_spoken < self.settings.every:
                return {}
            self._since_spoken = 0
            return self._spoken()
        if self.settings.size is not None and len(self._points) >= self.settings.size:
            self._full = True  # emptied by the next reading: a rule looks at the whole of it
            return self._spoken()
        return {}

    def _empty(self) -> None:
        self._points.clear()
        self._known.clear()
        self._full = False

    def _spoken(self) -> dict[Aggregate, float]:
        found = {what: self.aggregate(what) for what in self.settings.aggregates}
        return {what: value for what, value in found.items() if value is not None and math.isfinite(value)}


def _finite(calculate: Callable[[Points], float], points: Points) -> float:
    try:
        return calculate(points)
    except OverflowError:
        return math.inf


def _values(points: Points) -> list[float]:
    return [value for _, value in points]


def _mean(points: Points) -> float:
    return math.fsum(_values(points)) / len(points)


def _stddev(points: Points) -> float:
    if len(points) < 2:
        return 0.0
    mean = _mean(points)
    return math.sqrt(math.fsum((value - mean) ** 2 for _, value in points) / (len(points) - 1))


def _rate(points: Points) -> float:
    (began, first), (ended, last) = points[0], points[-1]
    return (last - first) / (ended - began) if ended > began else 0.0


def _median(points: Points) -> float:
    ordered = sorted(_values(points))
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _percentile(points: Points, share: float) -> float:
    ordered = sorted(_values(points))
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


AGGREGATES: Final[Mapping[Aggregate, Callable[[Points], float]]] = {
    Aggregate.COUNT: len,
    Aggregate.SUM: lambda points: math.fsum(_values(points)),
    Aggregate.MEAN: _mean,
    Aggregate.MIN: lambda points: min(_values(points)),
    Aggregate.MAX: lambda points: max(_values(points)),
    Aggregate.STDDEV: _stddev,
    Aggregate.FIRST: lambda points: points[0][1],
    Aggregate.LAST: lambda points: points[-1][1],
    Aggregate.RATE: _rate,
    Aggregate.P50: _median,
    Aggregate.P95: lambda points: _percentile(points, 0.95),
}

"""Readings that came by themselves, until the poller takes them: bounded, and what finds no room is counted."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from pyv_edge_agent.sensors.interface import SensorReading

#: A sensor at 100 readings a second fills it in 10 s, in which the agent takes nothing: then it has other troubles.
READINGS_MAX: Final = 1000


class Backlog:
    """Safe across threads. When it is full the oldest reading goes: the newest says most."""

    def __init__(self, most: int = READINGS_MAX) -> None:
        self._readings: deque[SensorReading] = deque()
        self._most = most
        self._lock = threading.Lock()
        self._wake: Callable[[], None] = _nobody
        #: readings that found no room
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._readings)

    def listen(self, wake: Callable[[], None]) -> None:
        """Call `wake` at every reading from now on."""
        self._wake = wake

    def put(self, reading: SensorReading) -> None:
        """Keep a reading until it is taken."""
        with self._lock:
            if len(self._readings) >= self._most:
                self._readings.popleft()
                self.dropped += 1
            self._readings.append(reading)
        self._wake()

    def take(self) -> list[SensorReading]:
        """All of them, oldest first."""
        with self._lock:
            taken = list(self._readings)
            self._readings.clear()
        return taken


class Pushed:
    """What `Pushing` asks of an adapter, by a backlog of its own: `_readings`, which its threads fill."""

    def __init__(self) -> None:
        self._readings = Backlog()

    @property
    def backlog(self) -> int:
        """See Pushing."""
        return len(self._readings)

    @property
    def dropped(self) -> int:
        """See Pushing."""
        return self._readings.dropped

    def listen(self, wake: Callable[[], None]) -> None:
        """See Pushing."""
        self._readings.listen(wake)

    def take(self) -> Sequence[SensorReading]:
        """See Pushing."""
        return self._readings.take()


def _nobody() -> None:
    """Until somebody listens."""

"""Where the agent's threads say that they turn; any thread may."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Protocol

from pyv_edge_agent.core.pulse import Part


class Beat(Protocol):
    """One part's way to say: I turn."""

    def __call__(self, rest_seconds: float = 0.0) -> None:
        """And I may be silent for so long now without being stuck: a wait, or a step that bounds itself."""


class Pulse:
    """By when each part said that it would be back. A part that never began, or left, is not waited for."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._due: dict[Part, float] = {}

    def beat(self, part: Part) -> Beat:
        """The way for `part`."""

        def beat(rest_seconds: float = 0.0) -> None:
            self._due[part] = self._monotonic() + rest_seconds

        return beat

    def leave(self, part: Part) -> None:
        """It ends in good order."""
        self._due.pop(part, None)

    def due(self) -> Mapping[Part, float]:
        """Seconds on the monotonic clock, by part."""
        return self._due.copy()

    def now(self) -> float:
        """The moment, on that clock."""
        return self._monotonic()


def unwatched(rest_seconds: float = 0.0) -> None:
    """A `Beat` that nobody listens to: for a part that runs by itself."""

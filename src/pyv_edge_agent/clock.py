"""The agent's clock: the one place where it asks what time it is."""

from __future__ import annotations

import time

from pyv_edge_agent.core.events import Now
from pyv_edge_agent.hardware import clock_state
from pyvorin_edge.vocabulary import Clock as ClockWord


class Clock:
    """Wall clock, whether it is synchronised, and seconds since this was made."""

    def __init__(self, forced: ClockWord | None = None) -> None:
        """`forced`: the operator's word on whether the clock is synchronised, before the machine's."""
        self._forced = forced
        self._began = time.monotonic()

    def now(self) -> Now:
        """The moment, as the core takes it."""
        return Now(
            wall_ms=self.wall_ms(),
            synced=self.is_synced(),
            uptime_seconds=self.uptime_seconds(),
        )

    def is_synced(self) -> bool:
        """Whether the wall clock can be believed."""
        return clock_state(self._forced) is ClockWord.SYNCED

    def wall_ms(self) -> int:
        """Unix milliseconds."""
        return time.time_ns() // 1_000_000

    def wall_seconds(self) -> float:
        """Unix seconds."""
        return time.time_ns() / 1e9

    def uptime_seconds(self) -> float:
        """Seconds since the agent's start; never set back."""
        return time.monotonic() - self._began

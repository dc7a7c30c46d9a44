"""Counts refused attempts by address, so that guessing is slow. Pure: time comes in."""

from __future__ import annotations

from collections import deque
from typing import Final

WINDOW_MS: Final = 60_000
ALLOWED: Final = 20
ADDRESSES_MAX: Final = 10_000


class Failures:
    """The refused attempts of the last minute."""

    def __init__(self) -> None:
        self._times: dict[str, deque[int]] = {}

    def too_many(self, address: str, now_ms: int) -> bool:
        """Whether this address must wait."""
        times = self._times.get(address)
        while times and times[0] <= now_ms - WINDOW_MS:
            times.popleft()
        return times is not None and len(times) >= ALLOWED

    def count(self, address: str, now_ms: int) -> None:
        """One more was refused."""
        if len(self._times) >= ADDRESSES_MAX and address not in self._times:
            self._times.clear()  # a flood from everywhere: forgetting is better than filling the memory
        self._times.setdefault(address, deque(maxlen=ALLOWED)).append(now_ms)

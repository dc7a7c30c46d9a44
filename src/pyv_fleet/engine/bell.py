"""The bell of orders: who waits for the orders of a channel or device is woken when one is made (PROTOCOL 9)."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable, Iterator
from typing import Final

#: a name that was noted is rung so long: its transaction may commit after somebody else's ring
KEPT_SECONDS: Final = 60.0


class Bell:
    """Wakes those whose channel or device got an order. Names are noted within a transaction and rung after it."""

    def __init__(self) -> None:
        self._noted: dict[str, float] = {}
        self._waiting: dict[str, set[asyncio.Event]] = {}
        #: how often it was rung
        self.rings = 0

    def note(self, name: str) -> None:
        """An order for this channel or device is being made."""
        self._noted[name] = time.monotonic()

    def ring(self) -> None:
        """What was noted may be committed now."""
        self._wake(self._noted)
        before = time.monotonic() - KEPT_SECONDS
        self._noted = {name: at for name, at in self._noted.items() if at > before}

    def ring_all(self) -> None:
        """It concerns everybody."""
        self._wake(self._waiting)

    @contextlib.contextmanager
    def heard_by(self, *names: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever one of the names is rung, within the block."""
        event = asyncio.Event()
        for name in names:
            self._waiting.setdefault(name, set()).add(event)
        try:
            yield event
        finally:
            for name in names:
                self._waiting[name].discard(event)
                if not self._waiting[name]:
                    del self._waiting[name]

    def _wake(self, names: Iterable[str]) -> None:
        self.rings += 1
        for name in names:
            for event in self._waiting.get(name, ()):
                event.set()


def device_name(device_id: str) -> str:
    """By which a device's assignment is noted."""
    return f"device/{device_id}"


def channel_name(channel: str) -> str:
    """By which a channel's directive is noted."""
    return f"channel/{channel}"

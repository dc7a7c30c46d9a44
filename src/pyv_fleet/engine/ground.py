"""What every part of the engine stands on: store, clock, chance, and the bell that tells faces of changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pyv_fleet.engine.bell import Bell
from pyv_fleet.store.database import Database
from pyv_fleet.store.records import sortable_id

Clock = Callable[[], int]
"""Gives the time in Unix ms."""
Randomness = Callable[[int], bytes]
"""Takes a number of bytes and gives so many random ones."""


class Changes:
    """Rings for whoever looks on (SSE), saying what kind of thing changed; a slow listener misses repeats, no kind."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Queue[str]] = set()

    def ring(self, kind: str) -> None:
        """Something of this kind changed: `devices`, `rollouts`, `channels`, `releases`, `alerts`."""
        for queue in self._listeners:
            if queue.qsize() < 64:
                queue.put_nowait(kind)

    async def listen(self) -> AsyncIterator[str]:
        """Every change from now on."""
        queue: asyncio.Queue[str] = asyncio.Queue()
        self._listeners.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._listeners.discard(queue)


@dataclass(frozen=True)
class Ground:
    """One for all parts of a controller."""

    database: Database
    clock: Clock
    random: Randomness
    #: the fleet's name
    fleet: str
    changes: Changes = field(default_factory=Changes)
    #: rung for devices that wait for their orders
    ordered: Bell = field(default_factory=Bell)

    def new_id(self) -> str:
        """An id for a new row; later ones sort higher."""
        return sortable_id(self.clock(), self.random(6))


def rfc3339(at_ms: int) -> datetime:
    """Unix ms as the API's time."""
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def rfc3339_or_none(at_ms: int | None) -> datetime | None:
    """The same, none staying none."""
    return None if at_ms is None else rfc3339(at_ms)

"""One look at something for all who want to see it at the same moment: a hundred open pages cost the store as one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")
LOOKS_MAX: Final = 64


class Look(Generic[T]):
    """What `make` gives, made once for all who ask while the look before is under way."""

    def __init__(self, make: Callable[[], Awaitable[T]]) -> None:
        self._make = make
        self._last: T | None = None
        self._began = 0.0
        self._lock = asyncio.Lock()

    async def now(self) -> T:
        """As it is: never a look that began before this call, or the change that led here may be missed."""
        clock = asyncio.get_running_loop().time
        arrived = clock()
        async with self._lock:
            if self._last is None or self._began <= arrived:
                self._began = clock()
                self._last = await self._make()
            return self._last


class Looks(Generic[T]):
    """A look for each key; those that were not asked for lately are forgotten."""

    def __init__(self, make: Callable[[str], Awaitable[T]]) -> None:
        self._make = make
        self._by_key: dict[str, Look[T]] = {}

    async def now(self, key: str) -> T:
        """As it is now, by its key."""
        look = self._by_key.pop(key, None) or Look(lambda: self._make(key))
        self._by_key[key] = look
        if len(self._by_key) > LOOKS_MAX:
            del self._by_key[next(iter(self._by_key))]
        return await look.now()

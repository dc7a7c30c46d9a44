"""How many may download at the same time: in all, and each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from pyv_fleet.engine.errors import TooMany

RETRY_SECONDS = 15


class Slots:
    """So many places; none waits for one: who comes too many is told when to ask again."""

    def __init__(self, total: int, each: int) -> None:
        self._total = total
        self._each = each
        self._taken: Counter[str] = Counter()

    @contextmanager
    def taken_by(self, who: str) -> Iterator[None]:
        """One place while the block runs; TooMany (429, Retry-After)."""
        if self._taken.get(who, 0) >= self._each:
            raise TooMany("too many downloads", f"{who} has {self._each} under way", retry_seconds=RETRY_SECONDS)
        if self._taken.total() >= self._total:
            raise TooMany("too many downloads", f"{self._total} are under way", retry_seconds=RETRY_SECONDS)
        self._taken[who] += 1
        try:
            yield
        finally:
            self._taken[who] -= 1
            if not self._taken[who]:
                del self._taken[who]

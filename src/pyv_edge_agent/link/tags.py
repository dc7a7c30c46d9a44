"""Which publish a PUBACK belongs to: the broker may be heard before `publish` has returned its number."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Tags:
    """Numbers of messages under way, and under which tag each was sent. Safe across threads."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        """`tell` takes the tag of each message that the broker has."""
        self._tell = tell
        self._lock = threading.Lock()
        self._waiting: dict[int, int | None] = {}
        self._early: set[int] = set()

    def sent(self, mid: int, tag: int | None) -> None:
        """Message `mid` was sent under `tag`; none = nobody wants to know."""
        with self._lock:
            was_early = mid in self._early
            self._early.discard(mid)
            if not was_early:
                self._waiting[mid] = tag
        if was_early and tag is not None:
            self._tell(tag)

    def acknowledged(self, mid: int) -> None:
        """The broker has message `mid`."""
        with self._lock:
            known = mid in self._waiting
            tag = self._waiting.pop(mid, None)
            if not known:
                self._early.add(mid)
        if tag is not None:
            self._tell(tag)

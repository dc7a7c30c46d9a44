"""What every link that is kept up shares: one session after another, and our own jitter between them (rule 12)."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from typing import Final

import msgspec

from pyvorin_edge import cadence
from pyvorin_edge.orders import Pace
from pyvorin_edge.trust import Link as Whereabouts

logger = logging.getLogger(__name__)

#: A session that ended sooner does not reset the back-off: a denied publish closes it at once (STACK 1).
STEADY_SECONDS: Final = 10.0


class Lived(msgspec.Struct, frozen=True):
    """How a session went."""

    #: for so long it stood; 0 = it was not opened
    seconds: float = 0.0
    #: the other side asked not to be bothered sooner
    retry_after_seconds: float = 0.0


class Keeper:
    """When and where the next session is tried. `run` is one thread; the rest may be called from any."""

    def __init__(
        self,
        whereabouts: Whereabouts,
        pace: Pace,
        *,
        chance: Callable[[], float] = random.random,
        delay_seconds_max: float = cadence.RECONNECT_MAX_SECONDS,
    ) -> None:
        self.whereabouts = whereabouts
        self.keepalive_seconds = pace.keepalive_seconds
        self.reconnect_seconds = pace.reconnect_seconds
        #: sessions that stood since the start
        self.conn = 0
        self.stopping = False
        self._chance = chance
        self._delay_seconds_max = delay_seconds_max
        self._changed = threading.Condition()
        self._move = 0
        self._tries = 0

    def next_of(self, addresses: tuple[str, ...]) -> str:
        """The address to try now: each in its turn."""
        address = addresses[self._tries % len(addresses)]
        self._tries += 1
        return address

    def stop(self) -> None:
        """No further session."""
        with self._changed:
            self.stopping = True
            self._changed.notify_all()

    def go_to(self, whereabouts: Whereabouts) -> bool:
        """Other addresses or server CAs from now on; false if they are the ones in use."""
        with self._changed:
            if whereabouts == self.whereabouts:
                return False
            self.whereabouts = whereabouts
            self._move += 1
            self._changed.notify_all()
        return True

    def run(self, session: Callable[[], Lived]) -> None:
        """One session after another until stopped; `session` returns when it is over."""
        delay: float | None = None  # none = the next delay is a first one
        while not self.stopping:
            move = self._move
            lived = _lived(session)
            if move != self._move:
                delay = None
                continue  # other addresses: at once
            delay = self._delay_after(None if lived.seconds >= STEADY_SECONDS else delay)
            pause = max(delay, min(lived.retry_after_seconds, cadence.RECONNECT_MAX_SECONDS))
            logger.debug("next connect in %.1f s", pause)
            with self._changed:
                self._changed.wait_for(lambda at=move: self.stopping or at != self._move, timeout=pause)  # type: ignore[misc]

    def _delay_after(self, delay: float | None) -> float:
        if delay is None:
            after = cadence.first_delay_seconds(self.reconnect_seconds, self._chance())
        else:
            after = cadence.next_delay_seconds(delay, self._chance())
        return min(after, self._delay_seconds_max)


def _lived(session: Callable[[], Lived]) -> Lived:
    try:
        return session()
    except Exception:  # the thread's edge: a device must not lose its fleet for good
        logger.exception("a session broke")
        return Lived()

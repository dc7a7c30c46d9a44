"""What every link that is kept up is made of: one thread, one session after another, words for the one that is up."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from pyv_edge_agent.link.interface import Listener, Self
from pyv_edge_agent.link.keeper import Keeper, Lived
from pyvorin_edge.trust import Link as Whereabouts


class Opened(Protocol):
    """A session, as a link speaks with it."""

    @property
    def is_up(self) -> bool:
        """Whether it stands."""

    def subscribe(self, topics: Sequence[str]) -> None:
        """See Link."""

    def unsubscribe(self, topics: Sequence[str]) -> None:
        """See Link."""

    def interrupt(self) -> None:
        """End it soon, from any thread."""


S = TypeVar("S", bound=Opened)


class KeptLink(ABC, Generic[S]):
    """A `Link` (interface.py) but for `publish`; whoever builds on it says what one session is."""

    def __init__(self, keeper: Keeper, goodbye_seconds: float) -> None:
        self._keeper = keeper
        #: none between two sessions
        self._session: S | None = None
        self._goodbye_seconds = goodbye_seconds
        self._thread: threading.Thread | None = None

    @abstractmethod
    def _session_of(self, me: Self, listener: Listener) -> Lived:
        """One session from connect to end; `_session` is it meanwhile."""

    @property
    def is_connected(self) -> bool:
        """See Link."""
        session = self._session
        return session is not None and session.is_up

    def start(self, me: Self, listener: Listener) -> None:
        """See Link. The first try is made at once."""
        if self._thread is None:
            once = (lambda: self._session_of(me, listener),)
            self._thread = threading.Thread(target=self._keeper.run, args=once, name="link", daemon=True)
            self._thread.start()

    def stop(self, within_seconds: float) -> None:
        """See Link."""
        self._goodbye_seconds = min(self._goodbye_seconds, within_seconds / 2)
        self._keeper.stop()
        self._interrupt()
        if self._thread is not None:
            self._thread.join(within_seconds)

    def subscribe(self, topics: Sequence[str]) -> None:
        """See Link."""
        if (session := self._session) is not None:
            session.subscribe(topics)

    def unsubscribe(self, topics: Sequence[str]) -> None:
        """See Link."""
        if (session := self._session) is not None:
            session.unsubscribe(topics)

    def pace(self, *, keepalive_seconds: int, reconnect_seconds: int) -> None:
        """See Link."""
        self._keeper.keepalive_seconds = keepalive_seconds
        self._keeper.reconnect_seconds = reconnect_seconds

    def go_to(self, whereabouts: Whereabouts) -> None:
        """See Link."""
        if self._keeper.go_to(whereabouts):
            self._interrupt()

    def _interrupt(self) -> None:
        if (session := self._session) is not None:
            session.interrupt()

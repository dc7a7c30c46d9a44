"""The link of a device that belongs to no fleet: it works, and speaks with nobody."""

from __future__ import annotations

from collections.abc import Sequence

from pyv_edge_agent.link.interface import Listener, Self
from pyvorin_edge.trust import Link as Whereabouts


class NoLink:
    """See Link (interface.py): never connected."""

    @property
    def is_connected(self) -> bool:
        """Never."""
        return False

    def start(self, me: Self, listener: Listener) -> None:
        """Nothing to start."""

    def stop(self, within_seconds: float) -> None:
        """Nothing to stop."""

    def subscribe(self, topics: Sequence[str]) -> None:
        """Nobody to ask."""

    def unsubscribe(self, topics: Sequence[str]) -> None:
        """Nobody to ask."""

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool, tag: int | None = None) -> None:
        """Nobody to tell."""

    def pace(self, *, keepalive_seconds: int, reconnect_seconds: int) -> None:
        """Nothing to pace."""

    def go_to(self, whereabouts: Whereabouts) -> None:
        """Nowhere to go."""

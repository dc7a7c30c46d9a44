"""The port: what the engine wants of whatever carries messages, and what it is told by it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from pyvorin_edge import topics

HERE_TOPIC: Final = f"{topics.ROOT}/controller/here"
"""No device has a right here (broker/acl.py): a message that nobody reads, published for its confirmation alone."""


class LinkError(Exception):
    """The link cannot be used as configured; the message says what to do."""


class Incoming(NamedTuple):
    """One message from the broker. Call `acknowledge` when it is durable, or when it never can be used."""

    topic: str
    payload: bytes
    retained: bool
    acknowledge: Callable[[], None]


class Receiver(Protocol):
    """Who is told; every method is called on the event loop and returns at once."""

    def received(self, message: Incoming) -> None:
        """A message came."""

    def connected(self) -> None:
        """The link stands, its subscriptions too; what the broker retained for them has come already."""

    def disconnected(self) -> None:
        """The link broke; what was not acknowledged comes again."""


class Publisher(Protocol):
    """The way out."""

    @property
    def connected(self) -> bool:
        """Whether the broker answers now."""

    async def publish(self, topic: str, payload: bytes, *, retain: bool) -> bool:
        """QoS 1; true when the broker confirmed it, false if it does not now: nothing is kept to be sent later."""


class NoLink:
    """A publisher without a broker: a controller whose broker is not up yet."""

    connected = False

    async def publish(self, topic: str, payload: bytes, *, retain: bool) -> bool:
        """Never confirmed."""
        return False

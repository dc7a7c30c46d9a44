"""The port of whatever carries a device's words: what it is told, what it tells, how it fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from pyvorin_edge.identity import DeviceId
from pyvorin_edge.trust import Link as Whereabouts


class LinkError(Exception):
    """The fleet cannot be reached, or answers what it should not; the message says where, why and what to do."""


class Self(msgspec.Struct, frozen=True, kw_only=True):
    """Who speaks: facts that stay the same while the process lives."""

    device_id: DeviceId
    #: a counter, fsynced at start
    boot: int
    #: random at each start
    boot_id: str


class Credentials(msgspec.Struct, frozen=True):
    """The device's certificate and key, as PEM files."""

    certificate: Path
    key: Path


class Passport(msgspec.Struct, frozen=True):
    """What the device shows, and by which server CA it knows the fleet where a link names none."""

    credentials: Credentials
    server_ca_pem: str
    #: whether the clock is worth asking: else certificates are not judged by time (rule 8)
    clock_synced: Callable[[], bool] = lambda: True


class Listener(Protocol):
    """Who is told. Called in the link's threads: only enqueue, and return."""

    def connected(self, conn: int, whereabouts: Whereabouts) -> None:
        """A session stands, by these addresses; `conn` counts them since the start. Nothing is subscribed yet."""

    def disconnected(self, why: str) -> None:
        """The session is gone; what was published and not yet told as delivered may be lost."""

    def arrived(self, topic: str, payload: bytes, retained: bool) -> None:
        """A message."""

    def delivered(self, tag: int) -> None:
        """The broker took (PUBACK) what was published under `tag`."""


class Link(Protocol):
    """A connection that is kept up until it is stopped. Every call returns at once, but for `stop`."""

    @property
    def is_connected(self) -> bool:
        """Whether a session stands now."""

    def start(self, me: Self, listener: Listener) -> None:
        """Begin to connect, and keep at it."""

    def stop(self, within_seconds: float) -> None:
        """Say goodbye, if connected, and end; what takes longer is cut."""

    def subscribe(self, topics: Sequence[str]) -> None:
        """Ask for exact topics, QoS 1; asked again, what is retained comes again."""

    def unsubscribe(self, topics: Sequence[str]) -> None:
        """Ask for them no more."""

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool, tag: int | None = None) -> None:
        """Send; while not connected it is dropped: a device says all anew when it is back."""

    def pace(self, *, keepalive_seconds: int, reconnect_seconds: int) -> None:
        """How to come back from the next loss on; the keepalive from the next connect on."""

    def go_to(self, whereabouts: Whereabouts) -> None:
        """Leave for other addresses or server CAs (PROTOCOL 5, rule 7); nothing if they are the ones in use."""

"""One MQTT 3.1.1 session over TLS, from its connect to its end; nothing outlives it (clean session, STACK 6)."""

from __future__ import annotations

import contextlib
import errno
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from pyv_edge_agent.link.interface import Listener, Self
from pyv_edge_agent.link.tags import Tags
from pyvorin_edge import topics, wire
from pyvorin_edge.report import Presence
from pyvorin_edge.trust import Link as Whereabouts
from pyvorin_edge.vocabulary import PresenceState

logger = logging.getLogger(__name__)

CONNECT_SECONDS: Final = 10.0
#: What one session may have waiting to be sent; beyond, publishing is dropped.
QUEUED_MAX: Final = 1000
#: The largest packet that is taken in; what a device may believe has at most a quarter of it.
PACKET_BYTES_MAX: Final = 4 * wire.BLOB_BYTES_MAX


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a session is opened with."""

    host: str
    port: int
    keepalive_seconds: int
    conn: int
    #: by which addresses it is opened, for the listener
    whereabouts: Whereabouts


class _Client(paho.Client):
    """paho's, with bounds: what it cannot take ends the connection and never its thread alone, silently."""

    def __init__(self, device_id: str, broke: Callable[[str], None]) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=device_id,
            clean_session=True,
            protocol=paho.MQTTv311,
            reconnect_on_failure=False,
        )
        self._broke = broke

    def loop_forever(self, timeout: float = 1.0, retry_first_connection: bool = False) -> MQTTErrorCode:
        """The thread's work. A malformed packet raises in it (struct.error, UnicodeDecodeError)."""
        try:
            return super().loop_forever(timeout, retry_first_connection)
        except Exception as why:
            logger.exception("the broker sent what cannot be read, or could not be served")
            self._broke(f"{type(why).__name__}: {why}")
            return MQTTErrorCode.MQTT_ERR_PROTOCOL

    def _sock_recv(self, bufsize: int) -> bytes:
        """paho asks for the rest of a packet at once, which may be 256 MiB."""
        if bufsize > PACKET_BYTES_MAX:
            raise OSError(errno.EMSGSIZE, f"a packet of {bufsize} bytes, at most {PACKET_BYTES_MAX}")
        return super()._sock_recv(bufsize)


class Session:
    """paho's client for one connection. Its callbacks run in paho's thread and only hand on."""

    def __init__(
        self, me: Self, terms: Terms, tls: ssl.SSLContext, listener: Listener, clock_ms: Callable[[], int]
    ) -> None:
        self._me = me
        self._terms = terms
        self._listener = listener
        self._clock_ms = clock_ms
        self._accepted = False
        self._heard = threading.Event()
        self._ended = threading.Event()
        self._released = threading.Event()
        self._why = ""
        self._tags = Tags(listener.delivered)
        self._client = self._make_client(tls)

    @property
    def is_up(self) -> bool:
        """Whether it was accepted and has not ended."""
        return self._accepted and not self._ended.is_set()

    @property
    def why_ended(self) -> str:
        """Why it was refused or ended."""
        return self._why

    def open(self) -> bool:
        """Connect and wait for the broker's word; whether it accepted. OSError and ValueError as sockets raise them."""
        self._client.connect(self._terms.host, self._terms.port, self._terms.keepalive_seconds)
        self._client.loop_start()
        if not self._heard.wait(CONNECT_SECONDS):
            self._why = f"no answer within {CONNECT_SECONDS:g} s"
        return self._accepted

    def wait_ended(self) -> None:
        """Wait until it ends or `interrupt` is called."""
        self._released.wait()

    def interrupt(self) -> None:
        """Let `open` and `wait_ended` return now; the session itself stands until `close`."""
        self._heard.set()
        self._released.set()

    def close(self, within_seconds: float) -> None:
        """Say goodbye, if it is up, so that there is no last will; end it and its thread. What takes longer is cut."""
        if self.is_up:
            _wait_published(self._announce(PresenceState.OFFLINE), within_seconds / 2)
        self._client.disconnect()
        if self._heard.is_set():
            self._ended.wait(within_seconds / 2)
        self._cut()
        self._client.loop_stop()

    def subscribe(self, names: Sequence[str]) -> None:
        """Ask for exact topics, QoS 1."""
        if names and self.is_up:
            self._client.subscribe([(name, 1) for name in names])

    def unsubscribe(self, names: Sequence[str]) -> None:
        """Ask for them no more."""
        if names and self.is_up:
            self._client.unsubscribe(list(names))

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool, tag: int | None) -> None:
        """Send, and tell the listener when the broker has it."""
        if self.is_up:
            info = self._client.publish(topic, payload, qos=qos, retain=retain)
            self._tags.sent(info.mid, tag)

    def _make_client(self, tls: ssl.SSLContext) -> paho.Client:
        client = _Client(self._me.device_id, self._over)
        client.tls_set_context(tls)
        client.connect_timeout = CONNECT_SECONDS
        client.max_queued_messages_set(QUEUED_MAX)
        client.will_set(topics.presence(self._me.device_id), self._presence(PresenceState.OFFLINE), qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        return client

    def _announce(self, state: PresenceState) -> paho.MQTTMessageInfo:
        info = self._client.publish(topics.presence(self._me.device_id), self._presence(state), qos=1, retain=True)
        self._tags.sent(info.mid, None)
        return info

    def _presence(self, state: PresenceState) -> bytes:
        said = Presence(
            state=state,
            device_id=self._me.device_id,
            boot=self._me.boot,
            boot_id=self._me.boot_id,
            conn=self._terms.conn,
            at=self._clock_ms(),
        )
        return wire.encode(said)

    def _cut(self) -> None:
        """Break the connection, if it still stands: paho's thread then ends whatever it waits for."""
        standing = self._client.socket()
        if isinstance(standing, socket.socket):
            with contextlib.suppress(OSError):
                socket.socket.shutdown(standing, socket.SHUT_RDWR)

    def _on_connect(self, client: paho.Client, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._why = f"the broker refused: {reason}"
            return  # it closes the connection itself
        self._accepted = True
        self._announce(PresenceState.ONLINE)
        self._heard.set()
        self._listener.connected(self._terms.conn, self._terms.whereabouts)

    def _on_disconnect(self, client: paho.Client, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        self._over(str(reason))

    def _over(self, why: str) -> None:
        was_up = self.is_up
        self._why = self._why or why
        self._ended.set()
        self._heard.set()
        self._released.set()
        if was_up:
            self._listener.disconnected(self._why)

    def _on_message(self, client: paho.Client, userdata: Any, message: paho.MQTTMessage) -> None:
        self._listener.arrived(message.topic, bytes(message.payload), message.retain)

    def _on_publish(self, client: paho.Client, userdata: Any, mid: int, reason: Any, properties: Any) -> None:
        self._tags.acknowledged(mid)


def _wait_published(info: paho.MQTTMessageInfo, seconds: float) -> None:
    try:
        info.wait_for_publish(seconds)
    except (ValueError, RuntimeError):
        return  # the connection went first: its will says the same

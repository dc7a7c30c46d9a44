"""Reads what a broker holds for some topics, whole, on a connection of its own: to catch up with it, or to recover."""

from __future__ import annotations

import asyncio
import secrets
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from pyv_fleet.link.interface import HERE_TOPIC, LinkError
from pyv_fleet.link.mqtt import CONNECT_SECONDS, PUBACK_SECONDS, LinkSettings
from pyvorin_edge import topics

#: all that a controller is made of again: orders, what they name, and who may sign them
ORDERS: Final = (
    topics.channel("+"),
    f"{topics.ROOT}/trust/+",
    topics.release("+"),
    topics.blob("+"),
    topics.assignment("+"),
)
#: what devices say of themselves
REPORTS: Final = (f"{topics.ROOT}/shard/+/+/report",)
#: who is there, by the devices' births, goodbyes and wills
PRESENCES: Final = (f"{topics.ROOT}/shard/+/+/presence",)
#: without a message for so long, the broker is taken to be dead
SILENT_SECONDS: Final = 20.0
_LOOK_SECONDS: Final = 0.05


class Out(NamedTuple):
    """What is said, at QoS 1."""

    topic: str
    payload: bytes
    retain: bool = False


class Listening(NamedTuple):
    """What follows after all that was retained has come: say something, and hear who answers."""

    say: Sequence[Out]
    #: asked with all that came, newest by topic, whether it is enough
    enough: Callable[[Mapping[str, bytes]], bool]
    #: at most, from when the broker has confirmed what was said
    seconds: float
    #: called just before it is said
    begins: Callable[[], None] = lambda: None


async def read_retained(
    settings: LinkSettings, patterns: Sequence[str], listening: Listening | None = None
) -> dict[str, bytes]:
    """The payloads that the broker holds, by topic, and what was said while listening; LinkError if it does not tell.

    A marker of our own on a topic that is subscribed to as well comes last: what the broker drops for want of room
    shows, as the marker is dropped then too.
    """
    return await asyncio.to_thread(_Reader(settings, patterns).read, listening)


class _Reader:
    """One connection; callbacks come in paho's thread."""

    def __init__(self, settings: LinkSettings, patterns: Sequence[str]) -> None:
        self._settings = settings
        self._patterns = patterns
        self._marker = secrets.token_hex(8).encode()
        self._found: dict[str, bytes] = {}
        self._whole = threading.Event()
        self._refused = ""
        self._heard_at = time.monotonic()
        self._client = self._make_client()

    def read(self, listening: Listening | None) -> dict[str, bytes]:
        """Blocks; call it in a thread."""
        settings = self._settings
        try:
            self._client.connect(settings.host, settings.port, settings.keepalive_seconds)
        except OSError as why:
            raise LinkError(f"the broker at {settings.host}:{settings.port} does not answer: {why}") from None
        self._client.loop_start()
        try:
            self._until_whole()
            if listening is not None:
                self._listen(listening)
        finally:
            self._client.disconnect()
            self._client.loop_stop()
        return dict(self._found)

    def _until_whole(self) -> None:
        while not self._whole.wait(_LOOK_SECONDS):
            if self._refused:
                raise LinkError(f"the broker does not let the controller read what it holds: {self._refused}")
            if time.monotonic() - self._heard_at > SILENT_SECONDS:
                raise LinkError(
                    f"the broker fell silent after {len(self._found)} messages: it does not answer, or its limit of "
                    "queued messages is lower than what it holds"
                )

    def _listen(self, listening: Listening) -> None:
        listening.begins()
        said = [self._client.publish(one.topic, one.payload, qos=1, retain=one.retain) for one in listening.say]
        confirmed_by = time.monotonic() + PUBACK_SECONDS
        for one in said:
            one.wait_for_publish(max(0.0, confirmed_by - time.monotonic()))
        if not all(one.is_published() for one in said):
            raise LinkError("the broker did not confirm what was published: perhaps it has it, perhaps not")
        end = time.monotonic() + listening.seconds
        while time.monotonic() < end and not listening.enough(dict(self._found)):
            time.sleep(_LOOK_SECONDS)

    def _make_client(self) -> paho.Client:
        settings = self._settings
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"{settings.client_id}-reads-{secrets.token_hex(4)}",
            clean_session=True,
            protocol=MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        context = ssl.create_default_context(cafile=str(settings.server_ca))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(settings.certificate, settings.key)
        client.tls_set_context(context)
        client.connect_timeout = CONNECT_SECONDS
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        return client

    def _on_connect(self, client: paho.Client, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        if code.is_failure:
            self._refused = str(code)
            return
        client.subscribe([(pattern, 1) for pattern in (*self._patterns, HERE_TOPIC)])

    def _on_subscribe(self, client: paho.Client, _data: Any, _mid: int, codes: list[Any], _properties: Any) -> None:
        if any(code.is_failure for code in codes):
            self._refused = str(codes)
            return
        client.publish(HERE_TOPIC, self._marker, qos=1)

    def _on_message(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        self._heard_at = time.monotonic()
        if message.topic == HERE_TOPIC:
            if message.payload == self._marker:
                self._whole.set()
            return
        self._found[message.topic] = bytes(message.payload)

    def _on_disconnect(self, _client: paho.Client, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        if not self._whole.is_set():
            self._refused = self._refused or f"the connection ended: {code}"

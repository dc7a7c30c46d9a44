"""The controller's MQTT link: paho in its own thread, acknowledging only what was committed (STACK 4).

Each connection is a client of its own, so that nothing of an old one (an acknowledgement, an unsent order) can ever
reach a new one. The broker keeps the session, so that reports which were not acknowledged come again.
"""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from pyv_fleet.link.interface import HERE_TOPIC, Incoming, Receiver
from pyvorin_edge import cadence, topics

log = logging.getLogger(__name__)

SUBSCRIPTIONS: Final = (
    (topics.channel("+"), 1),
    (f"{topics.ROOT}/shard/+/+/report", 1),
    (f"{topics.ROOT}/shard/+/+/beat", 0),
    (f"{topics.ROOT}/shard/+/+/presence", 0),
    (f"{topics.ROOT}/device/+/response", 1),
)
PUBACK_SECONDS: Final = 10.0
CONNECT_SECONDS: Final = 5.0
BACK_SECONDS_MAX: Final = 10.0
BACKLOG_MAX: Final = 20_000
FULL_SECONDS: Final = 10.0


@dataclass(frozen=True)
class LinkSettings:
    """Where the broker's listener for the controller is, and with what certificate to go there."""

    host: str
    port: int
    server_ca: Path
    certificate: Path
    key: Path
    client_id: str = "@controller"
    keepalive_seconds: int = 30


class MqttLink:
    """A `Publisher`, and a task (`run`) that stays connected and tells its `Receiver`."""

    def __init__(self, settings: LinkSettings, receiver: Receiver) -> None:
        if not settings.client_id.startswith("@"):
            raise ValueError(f"client id {settings.client_id!r}: a controller's begins with '@' (PROTOCOL 2)")
        self._settings = settings
        self._receiver = receiver
        self._session: _Session | None = None

    @property
    def connected(self) -> bool:
        """Whether the link stands and its subscriptions too."""
        return self._session is not None and self._session.ready

    async def publish(self, topic: str, payload: bytes, *, retain: bool) -> bool:
        """QoS 1; true when the broker confirmed it."""
        session = self._session
        if session is None or not session.ready:
            return False
        return await session.publish(topic, payload, retain=retain)

    async def run(self) -> None:
        """Stay connected until cancelled; come back with jitter."""
        delay = 0.0
        while True:
            session = _Session(self._settings, self._receiver)
            self._session = session
            try:
                await session.open()
                await session.closed.wait()
            except OSError as why:
                log.warning("the broker does not answer: %s", why)
            finally:
                self._session = None
                await session.close()
            delay = 0.0 if session.was_ready else delay
            delay = min(BACK_SECONDS_MAX, cadence.next_delay_seconds(max(delay, 0.2), random.random()))
            await asyncio.sleep(min(delay, 0.5) if session.was_ready else delay)


class _Session:
    """One connection. Callbacks run in paho's thread and only hand over to the loop."""

    def __init__(self, settings: LinkSettings, receiver: Receiver) -> None:
        self._settings = settings
        self._receiver = receiver
        self._loop = asyncio.get_running_loop()
        self._confirmations: dict[int, asyncio.Future[bool]] = {}
        self._passed = 0  # written by paho's thread alone
        self._finished = 0  # written by the loop alone
        self._started = False
        self.ready = False
        self.was_ready = False
        self.closed = asyncio.Event()
        self._client = self._make_client()

    async def open(self) -> None:
        """Connect; OSError if the broker does not answer. `ready` comes later, by the receiver's `connected`."""
        settings = self._settings
        await asyncio.to_thread(self._client.connect, settings.host, settings.port, settings.keepalive_seconds)
        self._client.loop_start()
        self._started = True

    async def publish(self, topic: str, payload: bytes, *, retain: bool) -> bool:
        info = self._client.publish(topic, payload, qos=1, retain=retain)
        confirmed: asyncio.Future[bool] = self._loop.create_future()
        self._confirmations[info.mid] = confirmed
        try:
            async with asyncio.timeout(PUBACK_SECONDS):
                return await confirmed
        except TimeoutError:
            return False
        finally:
            self._confirmations.pop(info.mid, None)

    async def close(self) -> None:
        """End it; what waits for confirmation is not confirmed."""
        self._broken()
        if self._started:
            self._client.disconnect()
            await asyncio.to_thread(self._client.loop_stop)

    def _make_client(self) -> paho.Client:
        settings = self._settings
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=settings.client_id,
            clean_session=False,
            protocol=MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        context = ssl.create_default_context(cafile=str(settings.server_ca))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(settings.certificate, settings.key)
        client.tls_set_context(context)
        client.connect_timeout = CONNECT_SECONDS
        client.max_inflight_messages_set(1000)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_disconnect = self._on_disconnect
        return client

    # --- in paho's thread ---

    def _on_connect(self, client: paho.Client, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        if code.is_failure:
            log.error("the broker refuses the controller: %s", code)
            return
        client.subscribe(list(SUBSCRIPTIONS))

    def _on_subscribe(self, client: paho.Client, _data: Any, _mid: int, codes: list[Any], _properties: Any) -> None:
        if any(code.is_failure for code in codes):
            log.error("the broker refuses a subscription of the controller: %s", codes)
            client.disconnect()
            return
        # confirmed after all that was retained for the subscriptions has come
        marker = client.publish(HERE_TOPIC, b"", qos=1)
        self._call(self._marked, marker.mid)

    def _on_message(self, client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        if self._full() and message.topic.endswith("/beat"):
            return  # the next one says the same
        deadline = time.monotonic() + FULL_SECONDS
        while self._full() and time.monotonic() < deadline:
            time.sleep(0.01)  # no reading: the broker keeps the rest
        self._passed += 1
        self._call(
            self._pass_on, client, message.topic, bytes(message.payload), message.retain, message.mid, message.qos
        )

    def _on_publish(self, _client: paho.Client, _data: Any, mid: int, _code: Any, _properties: Any) -> None:
        self._call(self._confirm, mid)

    def _on_disconnect(self, _client: paho.Client, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        log.info("the link to the broker ended: %s", code)
        self._call(self._broken)

    def _full(self) -> bool:
        return self._passed - self._finished > BACKLOG_MAX

    def _call(self, function: Any, *arguments: Any) -> None:
        """On every message: waking only an idle loop stranded some (STACK 4)."""
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            log.debug("the loop is closed already")

    # --- on the loop ---

    def _marked(self, mid: int) -> None:
        marker: asyncio.Future[bool] = self._loop.create_future()
        marker.add_done_callback(self._stands)
        self._confirmations[mid] = marker

    def _stands(self, marker: asyncio.Future[bool]) -> None:
        self._confirmations = {mid: one for mid, one in self._confirmations.items() if one is not marker}
        if marker.result() and not self.closed.is_set():
            self.ready = self.was_ready = True
            self._receiver.connected()

    def _pass_on(self, client: paho.Client, topic: str, payload: bytes, retained: bool, mid: int, qos: int) -> None:
        done = False

        def acknowledge() -> None:
            nonlocal done
            if done:
                return
            done = True
            self._finished += 1
            if qos and not self.closed.is_set():
                client.ack(mid, qos)

        self._receiver.received(Incoming(topic, payload, retained, acknowledge))

    def _confirm(self, mid: int) -> None:
        confirmation = self._confirmations.get(mid)
        if confirmation is not None and not confirmation.done():
            confirmation.set_result(True)

    def _broken(self) -> None:
        if self.closed.is_set():
            return
        self.closed.set()
        for confirmation in self._confirmations.values():
            if not confirmation.done():
                confirmation.set_result(False)
        if self.ready:
            self.ready = False
            self._receiver.disconnected()

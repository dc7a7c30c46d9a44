"""A simulated device's MQTT connection: gmqtt with its own certificate, one client a connection, our own jitter."""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final

import gmqtt
from gmqtt import MQTTConnectError
from gmqtt.mqtt.constants import MQTTv311
from gmqtt.storage import PersistentStorage

from pyv_edge_agent.core import events as ev
from pyv_fleet.simulate.device import SimulatedDevice
from pyvorin_edge import cadence, topics, wire
from pyvorin_edge.report import Presence
from pyvorin_edge.trust import Link as Whereabouts
from pyvorin_edge.vocabulary import PresenceState

logger = logging.getLogger(__name__)

#: gmqtt reconnects while failures <= retries, so 0 still means once, 6 s later and beside our own; -1 means for ever
NO_RECONNECT: Final = -2
CONNECT_SECONDS: Final = 30.0
FIT_LOOK_SECONDS: Final = 0.2


class Acknowledgements(PersistentStorage):  # type: ignore[misc]  # gmqtt has no types
    """gmqtt tells nobody of a PUBACK but the store of what is in flight: so this store tells."""

    def __init__(self, told: Callable[[int], None]) -> None:
        super().__init__()
        self._told = told
        self._seqs: dict[int, int] = {}
        self.next_seq: int | None = None

    def push_message(self, mid: int, raw_package: bytes) -> None:
        """Remember which report this packet is."""
        if self.next_seq is not None:
            self._seqs[mid] = self.next_seq
        super().push_message(mid, raw_package)

    def remove_message_by_mid(self, mid: int) -> None:
        """The broker has it."""
        super().remove_message_by_mid(mid)
        if (seq := self._seqs.pop(mid, None)) is not None:
            self._told(seq)


class Session:
    """Keeps one device connected until cancelled. Each connection is a new client with the will of that connection."""

    def __init__(self, device: SimulatedDevice, enrolled: Whereabouts, certificate: Path, key: Path) -> None:
        self._device = device
        self._enrolled = enrolled
        self._certificate = certificate
        self._key = key
        self._link = enrolled
        self._candidate = False
        self._client: gmqtt.Client | None = None
        self._up = False
        self._ended = asyncio.Event()

    def subscribe(self, topics: Sequence[str]) -> None:
        """See Carrier."""
        if self._client is not None and self._up:
            self._client.subscribe([gmqtt.Subscription(topic, qos=1) for topic in topics])

    def unsubscribe(self, topics: Sequence[str]) -> None:
        """See Carrier."""
        if self._client is not None and self._up:
            for topic in topics:
                self._client.unsubscribe(topic)

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool, seq: int | None) -> None:
        """See Carrier."""
        if self._client is None or not self._up:
            return
        self._store.next_seq = seq
        self._client.publish(topic, payload, qos=qos, retain=retain)
        self._store.next_seq = None

    def use(self, link: Whereabouts | None, candidate: bool) -> None:
        """See Carrier."""
        wanted = link or self._enrolled
        moved, self._link, self._candidate = wanted != self._link, wanted, candidate
        if moved:
            self._ended.set()

    def drop(self) -> None:
        """See Carrier."""
        connection = getattr(self._client, "_connection", None)  # gmqtt has no other way to end without a goodbye
        if connection is not None:
            connection._transport.abort()
        self._ended.set()

    async def run(self) -> None:
        """Connect, stay, come back with jitter (rule 12), until cancelled; then say goodbye."""
        delay: float | None = None
        try:
            while True:
                try:
                    await self._until_fit()
                    await self._stay()
                    delay = None
                except (OSError, TimeoutError, MQTTConnectError) as why:
                    logger.debug("%s: no session: %s", self._device.device.facts.device_id, why or type(why).__name__)
                except Exception:
                    logger.exception("%s: its connection failed in an unknown way", self._device.device.facts.device_id)
                pace = self._device.device.pace
                delay = (
                    cadence.first_delay_seconds(pace.reconnect_seconds, random.random())
                    if delay is None
                    else cadence.next_delay_seconds(delay, random.random())
                )
                await asyncio.sleep(delay)
        finally:
            await self._goodbye()

    async def _until_fit(self) -> None:
        """Its process runs and has a network; the device is synchronous, and tells nobody."""
        while self._device.down or self._device.cut:  # noqa: ASYNC110
            await asyncio.sleep(FIT_LOOK_SECONDS)

    async def _stay(self) -> None:
        self._ended.clear()
        self._store = Acknowledgements(lambda seq: self._device.feed(ev.Acknowledged(seq)))
        client = self._new_client()
        host, _, port = random.choice(self._link.mqtt).rpartition(":")
        keepalive = self._device.device.pace.keepalive_seconds
        try:
            connecting = client.connect(host, int(port), ssl=self._context(), keepalive=keepalive, version=MQTTv311)
            await self._unless_ended(asyncio.wait_for(connecting, CONNECT_SECONDS))
            await self._ended.wait()
        finally:
            was_up, self._up = self._up, False
            if was_up:
                self._device.feed(ev.Disconnected())
            self._client = None
            await _closed(client)

    async def _unless_ended(self, connecting: Awaitable[None]) -> None:
        """gmqtt waits for ever for the CONNACK of a connection that broke before it: the end is heard elsewhere."""
        attempt = asyncio.ensure_future(connecting)
        ended = asyncio.ensure_future(self._ended.wait())
        try:
            await asyncio.wait({attempt, ended}, return_when=asyncio.FIRST_COMPLETED)
            if not attempt.done():
                raise ConnectionError("the connection ended before the broker answered")
            attempt.result()
        finally:
            attempt.cancel()
            ended.cancel()

    def _new_client(self) -> gmqtt.Client:
        device_id = self._device.device.facts.device_id
        will = gmqtt.Message(topics.presence(device_id), self._presence(PresenceState.OFFLINE), qos=1, retain=True)
        client = gmqtt.Client(device_id, clean_session=True, will_message=will, persistent_storage=self._store)
        client.set_config({"reconnect_retries": NO_RECONNECT})
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        self._client = client
        return client

    def _on_connect(self, client: Any, flags: int, rc: int, properties: Any) -> None:
        current = self._client
        if current is None or client is not current:
            return
        self._up = True
        device = self._device.device
        current.publish(
            topics.presence(device.facts.device_id), self._presence(PresenceState.ONLINE), qos=1, retain=True
        )
        self._device.feed(ev.Connected(candidate=self._candidate))

    def _on_disconnect(self, client: gmqtt.Client, packet: Any, exc: Any = None) -> None:
        if client is self._client:
            self._ended.set()

    async def _on_message(self, client: gmqtt.Client, topic: str, payload: bytes, qos: int, properties: Any) -> int:
        retained = bool(properties.get("retain", 0))
        if client is self._client:
            self._device.feed(ev.Arrived(topic, bytes(payload), retained))
        return 0

    def _presence(self, state: PresenceState) -> bytes:
        """Of the connection that is being made: the core counts it when it is told `Connected`."""
        device = self._device.device
        return wire.encode(
            Presence(
                state=state,
                device_id=device.facts.device_id,
                boot=device.memory.state.boot,
                boot_id=device.boot_id,
                conn=device.conn + 1,
                at=0,
            )
        )

    def _context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(cadata="\n".join(self._link.ca_pem))
        context.load_cert_chain(self._certificate, self._key)
        return context

    async def _goodbye(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await _closed(client)


async def _closed(client: gmqtt.Client) -> None:
    try:
        await asyncio.wait_for(client.disconnect(), 2)
    except (OSError, TimeoutError, AttributeError) as why:
        logger.debug("closing: %s", why)

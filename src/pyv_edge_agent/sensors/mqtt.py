"""Readings from an MQTT broker near by: one connection for each broker, however many sensors listen to it."""

from __future__ import annotations

import contextlib
import logging
import random
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec

from pyv_edge_agent.sensors.backlog import Pushed
from pyv_edge_agent.sensors.interface import SensorError, SensorReading, fault_of
from pyv_edge_agent.sensors.payload import Extraction, PayloadError
from pyvorin_edge import cadence

if TYPE_CHECKING:
    import paho.mqtt.client as paho

logger = logging.getLogger(__name__)

CONNECT_SECONDS: Final = 10.0
KEEPALIVE_SECONDS: Final = 60
JOIN_SECONDS: Final = 1.0
RECONNECT_SECONDS: Final = 5
#: A local broker may come back at any time; what is near need not be spared like the fleet's.
DELAY_SECONDS_MAX: Final = 60.0


class BrokerTerms(msgspec.Struct, frozen=True):
    """A broker, and as whom one speaks with it; sensors with equal terms share a connection."""

    host: str
    port: int
    ca_file: str | None
    username: str | None
    password: str | None

    @classmethod
    def from_document(cls, device: Mapping[str, Any]) -> Self:
        """From an item of `sensors.devices`; the port is 1883, with TLS 8883."""
        ca_file = device.get("ca_file")
        port = device.get("port", 1883 if ca_file is None else 8883)
        return cls(
            device.get("host", "127.0.0.1"), port, ca_file, device.get("username"), device.get("password") or None
        )

    def __repr__(self) -> str:
        return f"{self.host} port {self.port}"  # never the password


class MqttAdapter(Pushed):
    """One sensor: what comes under its topic filter, with the topic as metadata."""

    def __init__(self, device: Mapping[str, Any], broker: BrokerConnection, *, clock: Callable[[], float]) -> None:
        super().__init__()
        self._device = device
        self._extraction = Extraction.from_document(device)
        self._broker = broker
        self._clock = clock
        self._started = False
        #: payloads that are no reading
        self.refused = 0

    @property
    def name(self) -> str:
        """See Adapter."""
        return self._extraction.name

    @property
    def topic(self) -> str:
        """The topic filter it subscribes to."""
        return str(self._device["topic"])

    @property
    def qos(self) -> int:
        """The quality of service it subscribes with."""
        return int(self._device.get("qos", 1))

    @property
    def interval_seconds(self) -> float | None:
        """See Adapter."""
        return self._device.get("interval_seconds")

    @property
    def connected(self) -> bool:
        """See Adapter: while the broker is, whether or not anything comes."""
        return self._started and self._broker.problem is None

    @property
    def failure(self) -> str | None:
        """See Adapter."""
        why = self._broker.problem if self._started else None
        return None if why is None else f"sensor {self.name!r}: {why}"

    def start(self) -> None:
        """See Adapter. It connects in a thread of its own, again and again."""
        self._broker.join(self)
        self._started = True

    def read(self) -> SensorReading | None:
        """See Adapter. Its readings come by themselves; here only whether they can."""
        if (why := self.failure) is not None:
            raise SensorError(why)
        return None

    def stop(self) -> None:
        """See Adapter."""
        self._started = False
        self._broker.leave(self)

    def arrived(self, topic: str, payload: bytes) -> None:
        """A message under its filter; in the connection's thread."""
        try:
            reading = self._extraction.reading(payload, self._clock())
        except PayloadError as why:
            self._refuse(str(why))
            return
        told = SensorReading(
            reading.sensor_name, reading.timestamp, reading.value, reading.unit, {**reading.metadata, "topic": topic}
        )
        if (fault := fault_of(told)) is not None:
            self._refuse(fault)
            return
        self._readings.put(told)

    def _refuse(self, why: str) -> None:
        self.refused += 1
        logger.debug("sensor %s: a message was refused: %s", self.name, why)


class BrokerConnection:
    """A connection that stands while at least one sensor listens; a thread of its own keeps it up."""

    def __init__(self, terms: BrokerTerms, *, chance: Callable[[], float] = random.random) -> None:
        self._terms = terms
        self._chance = chance
        self._members: dict[str, MqttAdapter] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._ending = threading.Event()
        self._client: paho.Client | None = None
        #: why it does not stand; none = it does
        self.problem: str | None = f"not connected to {terms!r} yet"

    def join(self, adapter: MqttAdapter) -> None:
        """Hear for this sensor too; the first one connects."""
        with self._lock:
            self._members[adapter.name] = adapter
            if self._thread is None:
                self._ending = threading.Event()
                self._thread = threading.Thread(
                    target=self._run, args=(self._ending,), name="sensors-mqtt", daemon=True
                )
                self._thread.start()
            elif (client := self._client) is not None and self.problem is None:
                client.subscribe(adapter.topic, adapter.qos)

    def leave(self, adapter: MqttAdapter) -> None:
        """Hear no more for it; the last one ends the connection."""
        with self._lock:
            self._members.pop(adapter.name, None)
            if self._members or self._thread is None:
                return
            thread, self._thread = self._thread, None
            self._ending.set()
            client = self._client
        if client is not None:
            client.disconnect()
            _cut(client)
        thread.join(JOIN_SECONDS)
        self.problem = f"not connected to {self._terms!r}"

    def _run(self, ending: threading.Event) -> None:
        delay: float | None = None
        while not ending.is_set():
            if self._session(ending):
                delay = None
            if delay is None:
                delay = cadence.first_delay_seconds(RECONNECT_SECONDS, self._chance())
            else:
                delay = min(DELAY_SECONDS_MAX, cadence.next_delay_seconds(delay, self._chance()))
            ending.wait(delay)

    def _session(self, ending: threading.Event) -> bool:
        """One session from connect to end; whether it ever stood."""
        stood = threading.Event()
        try:
            client = self._make_client(stood, ending)
            self._client = client
            client.connect(self._terms.host, self._terms.port, KEEPALIVE_SECONDS)
            if not ending.is_set():
                client.loop_forever(retry_first_connection=False)
        except (OSError, ValueError) as why:
            self._lost(f"cannot connect to {self._terms!r}: {why}")
        except Exception:  # the thread's edge: it must go on
            logger.exception("the connection to %r broke", self._terms)
            self._lost(f"the connection to {self._terms!r} broke; see the log")
        finally:
            self._client = None
        return stood.is_set()

    def _make_client(self, stood: threading.Event, ending: threading.Event) -> paho.Client:
        import paho.mqtt.client as paho  # only a device with such a sensor needs it here
        from paho.mqtt.enums import CallbackAPIVersion

        client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311, reconnect_on_failure=False)
        client.connect_timeout = CONNECT_SECONDS
        if self._terms.ca_file is not None:
            context = ssl.create_default_context(cafile=self._terms.ca_file)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            client.tls_set_context(context)
        if self._terms.username is not None:
            client.username_pw_set(self._terms.username, self._terms.password)

        def on_connect(_: Any, __: Any, flags: Any, reason: Any, properties: Any) -> None:
            if reason.is_failure:
                self._lost(f"{self._terms!r} refused: {reason}")
                return
            stood.set()
            with self._lock:
                topics = [(one.topic, one.qos) for one in self._members.values()]
                self.problem = None
            if topics and not ending.is_set():
                client.subscribe(topics)

        def on_disconnect(_: Any, __: Any, flags: Any, reason: Any, properties: Any) -> None:
            if self.problem is None:
                self._lost(f"disconnected from {self._terms!r}: {reason}")

        client.on_connect = on_connect
        client.on_disconnect = on_disconnect
        client.on_message = self._on_message
        return client

    def _on_message(self, client: Any, userdata: Any, message: paho.MQTTMessage) -> None:
        from paho.mqtt.client import topic_matches_sub

        for adapter in list(self._members.values()):
            if topic_matches_sub(adapter.topic, message.topic):
                adapter.arrived(message.topic, bytes(message.payload))

    def _lost(self, why: str) -> None:
        if self.problem != why:
            logger.warning("sensors: %s", why)
        self.problem = why


def _cut(client: paho.Client) -> None:
    standing = client.socket()
    if isinstance(standing, socket.socket):
        with contextlib.suppress(OSError):
            socket.socket.shutdown(standing, socket.SHUT_RDWR)

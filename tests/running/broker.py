"""A real mosquitto with TLS and its authority, and a controller's place on it, for tests of one real agent."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from paho.mqtt.enums import CallbackAPIVersion

from pyv_fleet.broker.fetch import obtain
from pyv_fleet.broker.interface import BrokerAddress
from pyv_fleet.broker.mosquitto import ManagedBroker
from pyv_fleet.broker.settings import BrokerSettings
from pyv_fleet.cli.home import tls_files
from pyv_fleet.trust import certificates
from pyv_fleet.trust.authority import Authority
from running.ports import free_ports


class RealBroker:
    """Our managed mosquitto, started from the main thread; `stop` ends it."""

    def __init__(self, root: Path, devices_port: int | None = None) -> None:
        self.authority = Authority.open_or_create(root / "ca", ["127.0.0.1"], datetime.now(UTC))
        self._runner = asyncio.Runner()
        self.settings = broker_settings(root, self.authority, devices_port)
        self._broker = self._made()
        self.go_on()

    @property
    def server_ca_pem(self) -> str:
        return self.authority.places.server_ca.certificate.read_text()

    def enrol(self, device_id: str) -> tuple[bytes, bytes]:
        """Certificate and key of a device, in PEM."""
        key = certificates.new_key()
        request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
        der = request.public_bytes(serialization.Encoding.DER)
        made = self.authority.issue(der, device_id, datetime.now(UTC))
        return certificates.pem_of(made), certificates.private_pem(key)

    def go_on(self) -> None:
        """Start it, also after `rest`."""
        self._runner.run(self._broker.start())

    def rest(self) -> None:
        """Stop it for a while: every session ends, and nobody gets in."""
        self._runner.run(self._broker.stop())
        self._broker = self._made()

    def stop(self) -> None:
        self._runner.run(self._broker.stop())
        self._runner.close()

    def _made(self) -> ManagedBroker:
        return ManagedBroker(obtain(), self.settings, self.authority.places.device_crl.read_bytes())


class MqttCarrier:
    """The controller's place on the broker: publishes, and keeps all that devices said."""

    def __init__(self, broker: RealBroker) -> None:
        self.said: list[tuple[str, bytes]] = []
        self.retained: set[str] = set()
        self._listening = threading.Event()
        tls = broker.settings.tls
        context = ssl.create_default_context(cafile=str(tls.server_ca))
        context.load_cert_chain(tls.controller.certificate, tls.controller.key)
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"@test-{secrets.token_hex(4)}")
        self._client.tls_set_context(context)
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        self._client.on_subscribe = lambda *_: self._listening.set()
        self._client.on_disconnect = lambda *_: self._listening.clear()
        self._client.connect(*broker.settings.controller)
        self._client.loop_start()
        self.until_listening()

    def until_listening(self) -> None:
        """It is back by itself after the broker was away."""
        assert self._listening.wait(20), "the controller's place is not listening"

    def publish(self, topic: str, payload: bytes, *, retain: bool) -> None:
        if retain:
            self.retained.add(topic)
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(10)

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def forget(self) -> None:
        """Clear all that is retained."""
        for topic in self.retained:
            self._client.publish(topic, b"", qos=1, retain=True).wait_for_publish(10)
        self.retained.clear()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, *_: Any) -> None:
        self._client.subscribe("pyvorin/#", 1)

    def _on_message(self, client: Any, userdata: Any, message: paho.MQTTMessage) -> None:
        if message.payload:
            if message.topic.endswith("/presence"):
                self.retained.add(message.topic)
            self.said.append((message.topic, bytes(message.payload)))


class Doorway:
    """An address in front of the broker that may be shut: then whoever is inside is cut, and nobody gets in."""

    def __init__(self, behind: BrokerAddress) -> None:
        self._behind = behind
        self._port = free_ports(1)[0]
        self._server: socket.socket | None = None
        self._inside: set[socket.socket] = set()
        self._lock = threading.Lock()
        #: bytes that came in from those outside, and that went out to them: of TLS, without TCP's own
        self.bytes_in = self.bytes_out = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    def open(self) -> None:
        if self._server is None:
            self._server = socket.create_server(("127.0.0.1", self._port), reuse_port=False)
            threading.Thread(target=self._admit, args=(self._server,), daemon=True).start()

    def shut(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            server.close()
        with self._lock:
            inside, self._inside = self._inside, set()
        for one in inside:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _admit(self, server: socket.socket) -> None:
        while True:
            try:
                outer, _ = server.accept()
            except OSError:
                return  # shut
            try:
                inner = socket.create_connection(self._behind)
            except OSError:
                outer.close()  # nobody there just now
                continue
            with self._lock:
                self._inside |= {outer, inner}
            for source, sink, count in ((outer, inner, self._came_in), (inner, outer, self._went_out)):
                threading.Thread(target=_pump, args=(source, sink, count), daemon=True).start()

    def _came_in(self, size: int) -> None:
        with self._lock:
            self.bytes_in += size

    def _went_out(self, size: int) -> None:
        with self._lock:
            self.bytes_out += size


def _pump(source: socket.socket, sink: socket.socket, count: Callable[[int], None]) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            count(len(data))
            sink.sendall(data)
    for one in (source, sink):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def real_broker() -> Iterator[RealBroker]:
    """A broker of its own in a temporary directory."""
    with tempfile.TemporaryDirectory(prefix="pyv-broker-") as place:
        broker = RealBroker(Path(place))
        try:
            yield broker
        finally:
            broker.stop()


def broker_settings(root: Path, authority: Authority, devices_port: int | None = None) -> BrokerSettings:
    """Settings as `serve` makes them, on free ports of loopback."""
    devices, controller = free_ports(2)
    devices = devices_port or devices
    return BrokerSettings(
        directory=root / "broker",
        devices=BrokerAddress("127.0.0.1", devices),
        controller=BrokerAddress("127.0.0.1", controller),
        tls=tls_files(authority),
    )

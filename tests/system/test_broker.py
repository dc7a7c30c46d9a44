"""The managed broker with the real mosquitto: what PROTOCOL 10 promises, seen from outside."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from pyv_fleet.broker import acl
from pyv_fleet.broker.fetch import Mosquitto, obtain
from pyv_fleet.broker.interface import BrokerAddress, BrokerError, BrokerNotStarted, BrokerUnsafe
from pyv_fleet.broker.mosquitto import ManagedBroker
from pyv_fleet.broker.session import Refused, Session, opened, tls_context
from pyv_fleet.broker.settings import BrokerSettings, Identity
from pyv_fleet.trust import certificates
from pyv_fleet.trust.authority import Authority, Pair, Revoked
from pyvorin_edge import topics
from pyvorin_edge.errors import IdentityError
from running.broker import broker_settings

NOW = datetime.now(UTC)
Scenario = Callable[["Place"], Coroutine[Any, Any, None]]


def identity(pair: Pair) -> Identity:
    return Identity(pair.certificate, pair.key)


@dataclass
class Place:
    """A certificate authority, a broker, and devices enrolled at will."""

    root: Path
    authority: Authority
    settings: BrokerSettings
    broker: ManagedBroker

    def enrol(self, device_id: str) -> Identity:
        key = certificates.new_key()
        request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
        made = self.authority.issue(request.public_bytes(serialization.Encoding.DER), device_id, NOW)
        files = Identity(self.root / f"{device_id}.pem", self.root / f"{device_id}.key")
        files.certificate.write_bytes(certificates.pem_of(made))
        files.key.write_bytes(certificates.private_pem(key))
        return files

    def as_device(self, who: Identity, client_id: str = "") -> Any:
        tls = self.settings.tls
        return opened(self.settings.devices, who, tls.server_ca, client_id)

    def as_controller(self, client_id: str = "@test") -> Any:
        tls = self.settings.tls
        return opened(self.settings.controller, tls.controller, tls.server_ca, client_id)

    def crl_with(self, *revoked: Identity) -> bytes:
        loaded = [x509.load_pem_x509_certificate(each.certificate.read_bytes()) for each in revoked]
        return self.authority.write_crl([Revoked(each.serial_number, NOW) for each in loaded], NOW)


@pytest.fixture(scope="session")
def mosquitto() -> Mosquitto:
    return obtain()


@pytest.fixture
def run(tmp_path: Path, mosquitto: Mosquitto) -> Callable[[Scenario], None]:
    """Run a scenario against a broker that was started for it and is gone afterwards."""

    async def within(scenario: Scenario) -> None:
        async with serving(tmp_path, mosquitto) as place:
            await scenario(place)

    def through(scenario: Scenario) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as the controller does
            runner.run(within(scenario))

    return through


@asynccontextmanager
async def serving(root: Path, mosquitto: Mosquitto) -> AsyncIterator[Place]:
    authority = Authority.open_or_create(root / "ca", ["127.0.0.1"], NOW)
    settings = broker_settings(root, authority)
    broker = ManagedBroker(mosquitto, settings, authority.places.device_crl.read_bytes())
    await broker.start()
    try:
        yield Place(root, authority, settings, broker)
    finally:
        await broker.stop()


async def arrives(eye: Session, topic: str) -> bytes | None:
    """The payload that arrived at `eye` before a marker that the controller sends now; none if nothing did."""
    await eye.publish(topic, b"marker")
    payload = (await eye.next_message()).payload
    return None if payload == b"marker" else payload


async def until(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 a process of another program: nothing sets an event
            await asyncio.sleep(0.02)


def open_to(address: BrokerAddress) -> bool:
    try:
        socket.create_connection(address, timeout=1).close()
    except OSError:
        return False
    return True


def test_a_device_may_report_and_read_its_channel(run: Callable[[Scenario], None]) -> None:
    async def scenario(place: Place) -> None:
        a = place.enrol("dev-a")
        async with place.as_controller() as eye, place.as_device(a) as device:
            await eye.subscribe(topics.report("dev-a"))
            await device.publish(topics.report("dev-a"), b"hello")
            assert await arrives(eye, topics.report("dev-a")) == b"hello"
            await device.subscribe(topics.channel("stable"))
            await eye.publish(topics.channel("stable"), b"order")
            assert (await device.next_message()).payload == b"order"

    run(scenario)


@pytest.mark.parametrize(
    "topic",
    [
        topics.report("dev-b"),
        topics.presence("dev-b"),
        topics.response("dev-b"),
        topics.assignment("dev-a"),
        topics.channel("stable"),
        topics.ARTICLE_CONFIG,
        "pyvorin/anything",
    ],
)
def test_a_denied_publish_does_not_arrive(run: Callable[[Scenario], None], topic: str) -> None:
    async def scenario(place: Place) -> None:
        a = place.enrol("dev-a")
        async with place.as_controller() as eye:
            await eye.subscribe(topic)
            async with place.as_device(a) as device:
                with suppress(Refused):
                    await device.publish(topic, b"forged")
            assert await arrives(eye, topic) is None

    run(scenario)


@pytest.mark.parametrize("topic", [topics.assignment("dev-b"), topics.request("dev-b"), topics.report("dev-b"), "#"])
def test_a_device_reads_nothing_of_another(run: Callable[[Scenario], None], topic: str) -> None:
    """The subscription is granted and then filtered: so what counts is what arrives, before a message that may."""

    async def scenario(place: Place) -> None:
        a = place.enrol("dev-a")
        secret = topics.assignment("dev-b") if topic == "#" else topic
        async with place.as_controller() as eye, place.as_device(a) as device:
            await device.subscribe(topic)
            await device.subscribe(topics.assignment("dev-a"))
            await eye.publish(secret, b"for dev-b alone")
            await eye.publish(topics.assignment("dev-a"), b"mine")
            assert (await device.next_message()).payload == b"mine"

    run(scenario)


def test_a_client_id_cannot_be_forged(run: Callable[[Scenario], None]) -> None:
    """dev-a asks for dev-b's client id and gets its own: dev-b's session stands, and dev-a still speaks as itself."""

    async def scenario(place: Place) -> None:
        a, b = place.enrol("dev-a"), place.enrol("dev-b")
        async with place.as_controller() as eye, place.as_device(b) as victim:
            async with place.as_device(a, client_id="dev-b") as forger:
                await eye.subscribe(topics.report("dev-a"))
                await forger.publish(topics.report("dev-a"), b"still dev-a")
                assert await arrives(eye, topics.report("dev-a")) == b"still dev-a"
            await victim.subscribe(topics.channel("stable"))  # would be Refused had it been cut

    run(scenario)


def test_no_certificate_and_a_foreign_one_are_refused(run: Callable[[Scenario], None]) -> None:
    async def scenario(place: Place) -> None:
        foreign = Authority.open_or_create(place.root / "other-ca", [], NOW)
        with pytest.raises(Refused):
            async with place.as_device(identity(foreign.places.probe)):
                pass
        bare = ssl.create_default_context(cafile=str(place.settings.tls.server_ca))
        with pytest.raises((ssl.SSLError, OSError)):
            await asyncio.to_thread(_speak, place.settings.devices, bare)

    run(scenario)


def test_a_device_certificate_opens_no_door_of_the_controller(run: Callable[[Scenario], None]) -> None:
    async def scenario(place: Place) -> None:
        a = place.enrol("dev-a")
        with pytest.raises(Refused):
            async with opened(place.settings.controller, a, place.settings.tls.server_ca, "@controller"):
                pass

    run(scenario)


def test_the_articles_topics_are_readable_only_while_set(run: Callable[[Scenario], None]) -> None:
    async def scenario(place: Place) -> None:
        a = place.enrol("dev-a")
        await place.broker.reload(acl=acl.device_acl(article=True))
        async with place.as_controller() as eye, place.as_device(a) as device:
            await device.subscribe(topics.ARTICLE_CONFIG)
            await device.subscribe(topics.channel("stable"))
            await eye.publish(topics.ARTICLE_CONFIG, b"config")
            assert (await device.next_message()).payload == b"config"
            await place.broker.reload(acl=acl.device_acl())
            await eye.publish(topics.ARTICLE_CONFIG, b"config")
            await eye.publish(topics.channel("stable"), b"order")
            assert (await device.next_message()).payload == b"order"

    run(scenario)


@pytest.mark.parametrize(
    "text",
    ["this is garbage\n", acl.device_acl() + "garbage\n", "topic\n", "pattern readwrite #\n"],
    ids=["garbage", "garbage-at-the-end", "half-a-line", "open"],
)
def test_a_broken_acl_stops_the_broker(run: Callable[[Scenario], None], text: str) -> None:
    async def scenario(place: Place) -> None:
        with pytest.raises(BrokerUnsafe):
            await place.broker.reload(acl=text)
        assert not place.broker.running
        assert not open_to(place.settings.devices)
        await place.broker.reload(acl=acl.device_acl())
        await place.broker.start()
        assert place.broker.running

    run(scenario)


@pytest.mark.parametrize("crl", [b"garbage", b"", b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"])
def test_a_broken_crl_stops_the_broker(run: Callable[[Scenario], None], crl: bytes) -> None:
    async def scenario(place: Place) -> None:
        with pytest.raises(BrokerUnsafe):
            await place.broker.reload(crl=crl)
        assert not open_to(place.settings.devices)

    run(scenario)


def test_an_expired_crl_is_noticed(run: Callable[[Scenario], None]) -> None:
    async def scenario(place: Place) -> None:
        place.authority.places.device_crl.unlink()
        old = Authority(place.authority.places).write_crl((), NOW - timedelta(days=40))
        with pytest.raises(BrokerUnsafe):
            await place.broker.reload(crl=old)

    run(scenario)


def test_another_ones_sighup_is_found_by_a_check(run: Callable[[Scenario], None]) -> None:
    async def scenario(place: Place) -> None:
        place.settings.device_acl.write_text("garbage\n")
        assert place.broker.pid is not None
        os.kill(place.broker.pid, signal.SIGHUP)
        with pytest.raises(BrokerUnsafe):
            await place.broker.check()
        assert not open_to(place.settings.devices)

    run(scenario)


def test_a_revoked_devices_live_session_is_cut(run: Callable[[Scenario], None]) -> None:
    async def scenario(place: Place) -> None:
        a, b = place.enrol("dev-a"), place.enrol("dev-b")
        async with place.as_device(a) as revoked, place.as_device(b) as other:
            await place.broker.revoke("dev-a", place.crl_with(a))
            with pytest.raises(Refused):
                await revoked.subscribe(topics.channel("stable"))
            await other.subscribe(topics.channel("stable"))
        with pytest.raises(Refused):
            async with place.as_device(a):
                pass

    run(scenario)


def test_revocations_in_the_same_second_all_count(run: Callable[[Scenario], None]) -> None:
    async def scenario(place: Place) -> None:
        gone: list[Identity] = []
        for name in ("dev-a", "dev-b", "dev-c"):
            gone.append(place.enrol(name))
            await place.broker.revoke(name, place.crl_with(*gone))
            with pytest.raises(Refused):
                async with place.as_device(gone[-1]):
                    pass

    run(scenario)


def test_a_resumed_tls_session_does_not_outlive_revocation(run: Callable[[Scenario], None]) -> None:
    """A session ticket would skip the certificate's check."""

    async def scenario(place: Place) -> None:
        a = place.enrol("dev-a")
        context = tls_context(a, place.settings.tls.server_ca)
        ticket, _ = await asyncio.to_thread(_speak, place.settings.devices, context)
        _, reused = await asyncio.to_thread(_speak, place.settings.devices, context, ticket)
        assert reused, "the broker resumes sessions: so there is something to fear"
        await place.broker.revoke("dev-a", place.crl_with(a))
        with pytest.raises(OSError):
            await asyncio.to_thread(_speak, place.settings.devices, context, ticket)

    run(scenario)


def test_a_killed_broker_comes_back(run: Callable[[Scenario], None]) -> None:
    async def scenario(place: Place) -> None:
        a = place.enrol("dev-a")
        first = place.broker.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await until(lambda: place.broker.running and place.broker.pid != first)
        async with asyncio.timeout(15):
            while not await _lets_in(place, a):  # noqa: ASYNC110 as above
                await asyncio.sleep(0.05)
        assert place.broker.starts == 2

    run(scenario)


def test_a_broker_that_dies_during_a_reload_comes_back_with_the_new_files(run: Callable[[Scenario], None]) -> None:
    async def scenario(place: Place) -> None:
        a = place.enrol("dev-a")
        crl = place.crl_with(a)
        assert place.broker.pid is not None
        os.kill(place.broker.pid, signal.SIGKILL)
        await place.broker.reload(crl=crl)
        await until(lambda: place.broker.starts == 2 and place.broker.running)
        await place.broker.check()
        assert not await _lets_in(place, a)

    run(scenario)


def test_the_controllers_own_session_cannot_be_revoked_by_name(run: Callable[[Scenario], None]) -> None:
    async def scenario(place: Place) -> None:
        with pytest.raises(IdentityError):
            await place.broker.revoke("@controller", place.crl_with())

    run(scenario)


def test_a_renewed_server_certificate_is_served_after_a_reload(run: Callable[[Scenario], None]) -> None:
    async def scenario(place: Place) -> None:
        before = await asyncio.to_thread(ssl.get_server_certificate, place.settings.devices)
        assert place.authority.refresh(["new.example"], NOW)
        await place.broker.reload()
        after = await asyncio.to_thread(ssl.get_server_certificate, place.settings.devices)
        assert before != after
        assert after.split() == place.settings.tls.server.certificate.read_text().split()

    run(scenario)


def test_a_stopped_broker_stays_stopped(run: Callable[[Scenario], None]) -> None:
    async def scenario(place: Place) -> None:
        await place.broker.stop()
        await place.broker.stop()
        assert not place.broker.running
        assert not open_to(place.settings.devices)

    run(scenario)


def test_a_taken_port_is_an_error_that_names_it(tmp_path: Path, mosquitto: Mosquitto) -> None:
    authority = Authority.open_or_create(tmp_path / "ca", [], NOW)
    settings = broker_settings(tmp_path, authority)
    broker = ManagedBroker(mosquitto, settings, authority.places.device_crl.read_bytes())
    with socket.create_server(settings.devices), pytest.raises(BrokerNotStarted, match=str(settings.devices.port)):
        asyncio.run(broker.start())


def test_a_broker_that_cannot_start_says_why(tmp_path: Path, mosquitto: Mosquitto) -> None:
    authority = Authority.open_or_create(tmp_path / "ca", [], NOW)
    settings = broker_settings(tmp_path, authority)
    broker = ManagedBroker(mosquitto, settings, b"garbage")
    with pytest.raises(BrokerError):
        asyncio.run(broker.start())
    assert not open_to(settings.devices)


def test_files_of_the_broker_are_its_owners_alone(run: Callable[[Scenario], None]) -> None:
    async def scenario(place: Place) -> None:
        directory = place.settings.directory
        assert directory.stat().st_mode & 0o777 == 0o700
        assert {file.name: file.stat().st_mode & 0o077 for file in directory.iterdir()} == {
            file.name: 0 for file in directory.iterdir()
        }

    run(scenario)


def test_the_broker_dies_with_its_parent(tmp_path: Path, mosquitto: Mosquitto) -> None:
    path = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    argv = [sys.executable, __file__, str(tmp_path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=path) as parent:
        assert parent.stdout is not None
        try:
            port = int(parent.stdout.readline())
            assert open_to(BrokerAddress("127.0.0.1", port))
        finally:
            parent.kill()
    deadline = time.monotonic() + 5
    while open_to(BrokerAddress("127.0.0.1", port)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not open_to(BrokerAddress("127.0.0.1", port))


async def _lets_in(place: Place, who: Identity) -> bool:
    try:
        async with place.as_device(who):
            return True
    except (Refused, TimeoutError):
        return False


def _speak(
    address: BrokerAddress, context: ssl.SSLContext, ticket: ssl.SSLSession | None = None
) -> tuple[ssl.SSLSession | None, bool]:
    """TLS, an MQTT CONNECT, its answer: the session to resume, and whether this one was. OSError if it is cut."""
    connect = b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x1e\x00\x02me"
    with (
        socket.create_connection(address, timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="localhost", session=ticket) as tls,
    ):
        tls.sendall(connect)
        if tls.recv(4) != b"\x20\x02\x00\x00":
            raise ConnectionError("no CONNACK")
        return tls.session, bool(tls.session_reused)


async def _parent(root: Path) -> None:
    async with serving(root, obtain()) as place:
        print(place.settings.devices.port, flush=True)
        await asyncio.sleep(60)


if __name__ == "__main__":
    asyncio.run(_parent(Path(sys.argv[1])))

"""The controller's engine with a real broker and a real store, and devices of paho alone: for tests of the joint."""

from __future__ import annotations

import asyncio
import secrets
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import paho.mqtt.client as paho
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paho.mqtt.enums import CallbackAPIVersion

from pyv_fleet.broker.fetch import Mosquitto
from pyv_fleet.broker.mosquitto import ManagedBroker
from pyv_fleet.broker.settings import BrokerSettings, Identity
from pyv_fleet.core.views import TokenSpec
from pyv_fleet.core.words import CatchUp
from pyv_fleet.engine.assembly import Engine, Surroundings, assemble, found_fleet
from pyv_fleet.engine.desk import Desk
from pyv_fleet.engine.ground import Ground
from pyv_fleet.engine.parts import Addresses
from pyv_fleet.link.mqtt import LinkSettings
from pyv_fleet.store.bundle_files import BundleFiles
from pyv_fleet.store.database import Database
from pyv_fleet.trust import certificates
from pyv_fleet.trust.authority import Authority
from pyv_fleet.trust.root_document import RoleKeys, RootTerms, make_root
from pyv_fleet.trust.signing import DirectiveSigner
from pyvorin_edge import topics
from pyvorin_edge.envelope import public_bytes
from pyvorin_edge.identity import DeviceId
from pyvorin_edge.report import Beat, DriftState, Join, JoinLink, Presence, Report, Running
from pyvorin_edge.trust import Extra
from pyvorin_edge.vocabulary import Clock, Phase, PresenceState, Standing
from running.broker import broker_settings


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class Place:
    """A controller at work."""

    root: Path
    engine: Engine
    desk: Desk
    database: Database
    authority: Authority
    broker: ManagedBroker
    settings: BrokerSettings
    root_key: Ed25519PrivateKey
    release_key: Ed25519PrivateKey
    signer: DirectiveSigner
    link: LinkSettings

    def trust_terms(self, epoch: int) -> RootTerms:
        return terms(self.root_key, self.release_key, self.signer, epoch)

    async def device(self, device_id: str, **labels: str) -> PahoDevice:
        """Enrolled through the desk, not connected yet."""
        made = await self.desk.create_token(TokenSpec(labels=labels), "test")
        key = certificates.new_key()
        request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
        der = await self.desk.enrol(
            device_id, made.token, request.public_bytes(serialization.Encoding.DER), "127.0.0.1"
        )
        certificate = x509.load_der_x509_certificate(der)
        files = Identity(self.root / f"{device_id}.pem", self.root / f"{device_id}.key")
        files.certificate.write_bytes(certificates.pem_of(certificate))
        files.key.write_bytes(certificates.private_pem(key))
        join = await self.desk.join(device_id, certificate.serial_number)
        return PahoDevice(DeviceId(device_id), files, self.settings, join)


@dataclass
class PahoDevice:
    """A device that does only what it is told; nothing of the agent in it."""

    device_id: DeviceId
    files: Identity
    settings: BrokerSettings
    join: Join
    boot: int = 1
    boot_id: str = "boot-1"
    conn: int = 0
    seq: int = 0
    got: dict[str, bytes] = field(default_factory=dict)
    client: paho.Client | None = None

    async def connect(self) -> None:
        self.conn += 1
        await asyncio.to_thread(self._connect)
        self.publish(topics.presence(self.device_id), self.presence(PresenceState.ONLINE), retain=True)

    def presence(self, state: PresenceState) -> bytes:
        said = Presence(
            state=state, device_id=self.device_id, boot=self.boot, boot_id=self.boot_id, conn=self.conn, at=now_ms()
        )
        return msgspec.json.encode(said)

    def report(self, **changes: Any) -> Report:
        self.seq += 1
        report = Report(
            v=1,
            device_id=self.device_id,
            incarnation=self.join.incarnation,
            boot=self.boot,
            boot_id=self.boot_id,
            conn=self.conn,
            seq=self.seq,
            at=now_ms(),
            clock=Clock.SYNCED,
            agent_version="test",
            speaks=(1,),
            caps=(),
            channel=None,
            epoch=self.join.epoch,
            generation=0,
            number=self.join.number,
            trust=1,
            running=Running(
                release=None, version=None, config_hash="0" * 64, effective_hash=None, form="sorted-json-1"
            ),
            target=None,
            phase=Phase.SETTLED,
            waiting_for=None,
            result=None,
            drift=DriftState(standing=Standing.UNKNOWN),
            refused=None,
            floor=0,
            health={"status": "healthy", "metrics": {"cpu_percent": 12.5}, "cloud": {"queue_depth": 3}},
        )
        return msgspec.structs.replace(report, **changes)

    def send_report(self, **changes: Any) -> paho.MQTTMessageInfo:
        return self.publish(topics.report(self.device_id), msgspec.json.encode(self.report(**changes)))

    def send_beat(self, of: int | None = None) -> None:
        self.seq += 1
        beat = Beat(b=self.boot, c=self.conn, s=self.seq, of=self.seq - 1 if of is None else of, m=(50.0, 1, 2, 3, 4))
        self.publish(topics.beat(self.device_id), msgspec.json.encode(beat), qos=0)

    def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> paho.MQTTMessageInfo:
        assert self.client is not None
        return self.client.publish(topic, payload, qos=qos, retain=retain)

    def die(self) -> None:
        """As by kill -9: the broker publishes the will."""
        assert self.client is not None
        self.client.on_disconnect = None
        own = self.client.socket()
        assert isinstance(own, socket.socket)
        own.shutdown(socket.SHUT_RDWR)
        self.client.loop_stop()

    def _connect(self) -> None:
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id="", reconnect_on_failure=False)
        context = ssl.create_default_context(cafile=str(self.settings.tls.server_ca))
        context.load_cert_chain(self.files.certificate, self.files.key)
        client.tls_set_context(context)
        client.will_set(topics.presence(self.device_id), self.presence(PresenceState.OFFLINE), qos=1, retain=True)

        def subscribe(client: paho.Client, *_: Any) -> None:
            wanted = (topics.channel("stable"), topics.assignment(self.device_id), topics.request(self.device_id))
            client.subscribe([(topic, 1) for topic in wanted])

        client.on_connect = subscribe
        client.on_message = lambda _client, _data, message: self.got.update({message.topic: bytes(message.payload)})
        client.connect(*self.settings.devices, keepalive=60)
        client.loop_start()
        self.client = client
        deadline = time.monotonic() + 10
        while not client.is_connected() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert client.is_connected()


@asynccontextmanager
async def controller(
    root: Path,
    mosquitto: Mosquitto,
    *,
    article_channel: str | None = None,
    way: Callable[[LinkSettings], LinkSettings] = lambda link: link,
) -> AsyncIterator[Place]:
    """A founded fleet with its broker, trust document 1 and the channel `stable`; `way` is how the link goes there."""
    authority = Authority.open_or_create(root / "ca", ["127.0.0.1"], datetime.now(UTC))
    settings = broker_settings(root, authority)
    broker = ManagedBroker(mosquitto, settings, authority.places.device_crl.read_bytes())
    await broker.start()
    database = await Database.open(f"sqlite+aiosqlite:///{root / 'fleet.db'}")
    root_key, release_key = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    signer = DirectiveSigner.at(root / "directive.key")
    try:
        await found_fleet(database, "test", public_bytes(root_key).hex(), now_ms())
        link = link_settings(settings)
        around = Surroundings(
            ground=Ground(database, now_ms, secrets.token_bytes, "test"),
            monotonic=time.monotonic,
            authority=authority,
            signer=signer,
            broker=broker,
            link=lambda: JoinLink(mqtt=(str(settings.devices),), http=(), ca_pem=()),
            addresses=Addresses(broker=str(settings.devices), api=""),
            bundles=BundleFiles(root / "bundles", 1024 * 1024),
            article_channel=article_channel,
        )
        engine = await assemble(around)
        place = Place(
            root, engine, engine.desk, database, authority, broker, settings, root_key, release_key, signer, link
        )
        await engine.desk.put_trust(1, make_root(place.trust_terms(1), [root_key]), "test")
        async with engine.running(way(link)):
            await until(lambda: engine.ear.open and engine.catching_up.progress.stage is CatchUp.DONE, seconds=30)
            yield place
    finally:
        await database.close()
        await broker.stop()


async def until(condition: Callable[[], Any], seconds: float = 10.0) -> None:
    """Wait for a condition, sync or async, with a deadline."""
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(0.02)


def link_settings(settings: BrokerSettings) -> LinkSettings:
    mine = settings.tls.controller
    return LinkSettings(
        host=settings.controller.host,
        port=settings.controller.port,
        server_ca=settings.tls.server_ca,
        certificate=mine.certificate,
        key=mine.key,
    )


def terms(root: Ed25519PrivateKey, release: Ed25519PrivateKey, signer: DirectiveSigner, epoch: int) -> RootTerms:
    return RootTerms(
        root=RoleKeys((public_bytes(root),)),
        release=RoleKeys((public_bytes(release),)),
        directive=RoleKeys((signer.public_key,)),
        extra=Extra(fleet="test", epoch=epoch),
        expires=datetime.now(UTC) + timedelta(days=365),
    )

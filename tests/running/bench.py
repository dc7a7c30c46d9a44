"""The whole engine over a real store without a broker: what it publishes is written down, time moves when told to."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pyv_fleet.core.keys import KeySpec
from pyv_fleet.core.release import build_release
from pyv_fleet.core.views import TokenSpec
from pyv_fleet.core.words import AuthScope
from pyv_fleet.engine.assembly import Engine, Surroundings, assemble, found_fleet
from pyv_fleet.engine.desk import Desk
from pyv_fleet.engine.ground import Ground
from pyv_fleet.engine.parts import Addresses
from pyv_fleet.engine.polls import PollPlan
from pyv_fleet.link.interface import Incoming
from pyv_fleet.store.bundle_files import BundleFiles
from pyv_fleet.store.database import Database
from pyv_fleet.trust import certificates
from pyv_fleet.trust.authority import Authority
from pyv_fleet.trust.root_document import RoleKeys, RootTerms, make_root
from pyv_fleet.trust.signing import DirectiveSigner, sign_release
from pyvorin_edge import topics
from pyvorin_edge.envelope import public_bytes
from pyvorin_edge.identity import DeviceId
from pyvorin_edge.orders import Directive, Rule
from pyvorin_edge.report import Beat, DriftState, JoinLink, Presence, Report, Running
from pyvorin_edge.trust import Extra
from pyvorin_edge.vocabulary import Clock, ConfigFormat, Phase, PresenceState, RuleKind, Standing

CONFIG = b"[sensors]\ndevices = []\n"


@dataclass
class Ledger:
    """A publisher that keeps what would be retained, and all that was sent."""

    connected: bool = True
    #: a topic whose messages are never confirmed
    refuses: str = ""
    retained: dict[str, bytes] = field(default_factory=dict)
    sent: list[tuple[str, bytes]] = field(default_factory=list)

    async def publish(self, topic: str, payload: bytes, *, retain: bool) -> bool:
        if not self.connected or topic == self.refuses:
            return False
        self.sent.append((topic, payload))
        if retain and payload:
            self.retained[topic] = payload
        elif retain:
            self.retained.pop(topic, None)
        return True


@dataclass
class Time:
    """Moves when told to."""

    ms: int = 1_800_000_000_000

    def now(self) -> int:
        return self.ms

    def monotonic(self) -> float:
        return self.ms / 1000

    def forward(self, seconds: float) -> None:
        self.ms += int(seconds * 1000)


@dataclass
class Bench:
    """An engine on the bench."""

    engine: Engine
    desk: Desk
    database: Database
    authority: Authority
    ledger: Ledger
    time: Time
    root_key: Ed25519PrivateKey
    release_key: Ed25519PrivateKey
    signer: DirectiveSigner
    acknowledged: int = 0

    async def token(self, **spec: Any) -> str:
        return (await self.desk.create_token(TokenSpec(**spec), "test")).token

    async def enrol(
        self, device_id: str, token: str | None = None, key: ec.EllipticCurvePrivateKey | None = None
    ) -> bytes:
        text = token or await self.token()
        return await self.desk.enrol(device_id, text, csr(key or certificates.new_key()), "192.0.2.1")

    async def key_text(self, scope: AuthScope = AuthScope.OPERATE) -> str:
        return (await self.desk.create_key(KeySpec(name=f"test-{scope}", scope=scope), "test")).key

    async def release(self, version: str, config: bytes = CONFIG, **terms: Any) -> str:
        made = build_release(config, fleet="test", version=version, format=ConfigFormat.TOML, **terms)
        view, _ = await self.desk.publish_release(sign_release(made, self.release_key), config, "test")
        return view.digest

    async def order(self, digest: str, kind: RuleKind = RuleKind.RELEASE, attempt: int = 1) -> Directive:
        rule = msgspec.convert({"kind": kind.value, "release": digest, "attempt": attempt}, Rule)
        return await self.engine.orders.publish_directive("stable", [rule], reason="test", actor="test")

    def terms(self, epoch: int) -> RootTerms:
        return RootTerms(
            root=RoleKeys((public_bytes(self.root_key),)),
            release=RoleKeys((public_bytes(self.release_key),)),
            directive=RoleKeys((self.signer.public_key,)),
            extra=Extra(fleet="test", epoch=epoch),
            expires=datetime.fromtimestamp(self.time.ms / 1000, UTC) + timedelta(days=365),
        )

    async def heard(self, *messages: tuple[str, bytes], retained: bool = False) -> None:
        """All of them in one batch, stored when this returns."""

        def acknowledge() -> None:
            self.acknowledged += 1

        for topic, payload in messages:
            self.engine.intake.received(Incoming(topic, payload, retained, acknowledge))
        await self.engine.intake.prove_ends()
        await self.engine.intake.drain()


def csr(key: ec.EllipticCurvePrivateKey) -> bytes:
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.DER)


def report(device_id: str, *, boot: int = 1, boot_id: str = "one", conn: int = 1, seq: int = 1, **other: Any) -> Report:
    made = Report(
        v=1,
        device_id=DeviceId(device_id),
        incarnation=1,
        boot=boot,
        boot_id=boot_id,
        conn=conn,
        seq=seq,
        at=0,
        clock=Clock.SYNCED,
        agent_version="test",
        speaks=(1,),
        caps=(),
        channel=None,
        epoch=1,
        generation=0,
        number=0,
        trust=1,
        running=Running(release=None, version=None, config_hash="0" * 64, effective_hash=None, form="sorted-json-1"),
        target=None,
        phase=Phase.SETTLED,
        waiting_for=None,
        result=None,
        drift=DriftState(standing=Standing.UNKNOWN),
        refused=None,
        floor=0,
        health={"status": "healthy"},
    )
    return msgspec.structs.replace(made, **other)


def said(device_id: str, **facts: Any) -> tuple[str, bytes]:
    """A report as it comes from the broker."""
    return topics.report(device_id), msgspec.json.encode(report(device_id, **facts))


def beat(device_id: str, *, boot: int = 1, conn: int = 1, seq: int = 2, of: int = 1) -> tuple[str, bytes]:
    return topics.beat(device_id), msgspec.json.encode(Beat(b=boot, c=conn, s=seq, of=of, m=(50.0, 1, 2, None, 4)))


def presence(
    device_id: str, state: PresenceState, *, boot: int = 1, boot_id: str = "one", conn: int = 1
) -> tuple[str, bytes]:
    said = Presence(state=state, device_id=DeviceId(device_id), boot=boot, boot_id=boot_id, conn=conn, at=0)
    return topics.presence(device_id), msgspec.json.encode(said)


@asynccontextmanager
async def bench(
    root: Path,
    *,
    article_channel: str | None = "stable",
    polls: PollPlan = PollPlan(),  # noqa: B008 a frozen value
) -> AsyncIterator[Bench]:
    """A founded fleet with trust document 1; no task runs: call `heard` and the parts themselves."""
    time = Time()
    authority = Authority.open_or_create(root / "ca", [], datetime.fromtimestamp(time.ms / 1000, UTC))
    database = await Database.open(f"sqlite+aiosqlite:///{root / 'fleet.db'}")
    root_key, release_key = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    signer = DirectiveSigner.at(root / "directive.key")
    ledger = Ledger()
    try:
        await found_fleet(database, "test", public_bytes(root_key).hex(), time.ms)
        engine = await assemble(
            Surroundings(
                ground=Ground(database, time.now, secrets.token_bytes, "test"),
                monotonic=time.monotonic,
                authority=authority,
                signer=signer,
                broker=None,
                link=lambda: JoinLink(mqtt=("mqtt.test:8883",), http=(), ca_pem=()),
                addresses=Addresses(broker="mqtt.test:8883", api="https://api.test"),
                bundles=BundleFiles(root / "bundles", 1024 * 1024),
                article_channel=article_channel,
                polls=polls,
            )
        )
        engine.publish_through(ledger)
        engine.reception.connected()
        await engine.paces.load()
        made = Bench(engine, engine.desk, database, authority, ledger, time, root_key, release_key, signer)
        await engine.desk.put_trust(1, make_root(made.terms(1), [root_key]), "test")
        yield made
    finally:
        await database.close()

"""What a broker holds of a small fleet, and what its devices say: for tests without a broker."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pyv_fleet.core.recovery import Found, follow, sort_out
from pyv_fleet.core.release import build_release
from pyv_fleet.trust.root_document import RoleKeys, RootTerms, make_root
from pyvorin_edge import topics
from pyvorin_edge.envelope import TYPE_ASSIGNMENT, TYPE_DIRECTIVE, TYPE_RELEASE, public_bytes, seal
from pyvorin_edge.identity import ChannelName, DeviceId, Digest, FleetName, digest_of
from pyvorin_edge.orders import Assignment, Directive, DriftTerms, Pace, Rule, encode_order, release_digest
from pyvorin_edge.report import DriftState, Report, Result, Running, TargetName
from pyvorin_edge.trust import Extra, Trust, from_key
from pyvorin_edge.vocabulary import Clock, ConfigFormat, Outcome, Phase, RuleKind, Standing

ROOT, RELEASER, DIRECTOR, SECOND, STRANGER = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in range(5))
CONFIG = b"[sensors]\ndevices = []\n"
NOW_MS = 1_800_000_000_000


def release_payload(version: str, **terms: Any) -> bytes:
    return encode_order(build_release(CONFIG, fleet="lab", version=version, format=ConfigFormat.TOML, **terms))


PAYLOADS = {version: release_payload(version) for version in ("1.0", "1.1", "1.2")}
OLD, NOW, NEXT = (release_digest(payload) for payload in PAYLOADS.values())
STAYS = Rule(kind=RuleKind.RELEASE, release=NOW, attempt=3)


@cache
def trust_of(threshold: int = 1, **extra: Any) -> Trust:
    """Document 1, whose directive role two keys hold."""
    keys = tuple(public_bytes(key) for key in (DIRECTOR, SECOND))
    document = make_root(
        RootTerms(
            root=RoleKeys((public_bytes(ROOT),)), release=RoleKeys((public_bytes(RELEASER),)),
            directive=RoleKeys(keys, threshold), extra=Extra(fleet="lab", epoch=1, **extra),
            expires=datetime(2036, 1, 1, tzinfo=UTC),
        ),
        [ROOT],
    )  # fmt: skip
    return follow(from_key(public_bytes(ROOT)), {topics.trust(1): document})[0]


def directive(*rules: Rule, channel: str = "stable", **other: Any) -> Directive:
    made = Directive(
        v=1, fleet=FleetName("lab"), channel=ChannelName(channel), epoch=1, generation=NOW_MS - 1000,
        rules=rules or (STAYS,), pace=Pace(beat_seconds=7), drift=DriftTerms(), issued_at=NOW_MS - 1000,
        expires_at=NOW_MS + 1000, reason="a test", issued_by="me",
    )  # fmt: skip
    return msgspec.structs.replace(made, **other)


def assignment(device_id: str = "dev-a", **other: Any) -> Assignment:
    made = Assignment(
        v=1, fleet=FleetName("lab"), epoch=1, device_id=DeviceId(device_id), number=9,
        channel=ChannelName("stable"), issued_at=NOW_MS - 2000, issued_by="me", labels={"site": "berlin"},
    )  # fmt: skip
    return msgspec.structs.replace(made, **other)


def signed(order: Directive | Assignment, *keys: Ed25519PrivateKey) -> bytes:
    kind = TYPE_DIRECTIVE if isinstance(order, Directive) else TYPE_ASSIGNMENT
    return seal(encode_order(order), kind, keys or (DIRECTOR,))


def retained(
    *orders: Directive | Assignment, payloads: tuple[bytes, ...] = tuple(PAYLOADS.values())
) -> dict[str, bytes]:
    """A broker's memory: these orders, and the releases with their config."""
    held = {topics.blob(digest_of(CONFIG)): CONFIG}
    for payload in PAYLOADS.values():
        held[topics.release(release_digest(payload))] = seal(payload, TYPE_RELEASE, [RELEASER])
    for order in orders:
        name = topics.channel(order.channel) if isinstance(order, Directive) else topics.assignment(order.device_id)
        held[name] = signed(order)
    return held


def found(*orders: Directive | Assignment, trust: Trust | None = None) -> Found:
    """The same, sorted out; a channel `stable` with two devices unless said otherwise."""
    orders = orders or (directive(), assignment("dev-a"), assignment("dev-b"))
    return sort_out(trust or trust_of(), "lab", retained(*orders))


def report(device_id: str = "dev-a", **other: Any) -> Report:
    made = Report(
        v=1, device_id=DeviceId(device_id), incarnation=1, boot=1, boot_id="b", conn=1, seq=1, at=NOW_MS,
        clock=Clock.SYNCED, agent_version="test", speaks=(1,), caps=(), channel=ChannelName("stable"), epoch=1,
        generation=NOW_MS - 1000, number=9, trust=1,
        running=Running(release=NOW, version="1.1", config_hash="0" * 64, effective_hash=None, form="sorted-json-1"),
        target=None, phase=Phase.SETTLED, waiting_for=None, result=None, drift=DriftState(standing=Standing.IN_STEP),
        refused=None, floor=0, health={},
    )  # fmt: skip
    return msgspec.structs.replace(made, **other)


def tried(release: Digest, attempt: int) -> dict[str, Any]:
    """A report's target and result, of this attempt."""
    overlay = Digest("4" * 64)
    result = Result(
        release=release, overlay=overlay, attempt=attempt, outcome=Outcome.FAILED, code=None, detail="", at=NOW_MS
    )
    return {"target": TargetName(release=release, overlay=overlay, attempt=attempt), "result": result}

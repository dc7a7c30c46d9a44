"""Whatever comes as an order, a trust document, a report or a bundle's manifest: it is read, or refused by the one
error that its reader documents. Nothing else is raised, and what is read can be written again."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from fuzz.spoiling import FUZZ, strange
from pyv_edge_agent.core.memory import Memory
from pyv_edge_agent.enrolled import Enrolled, with_join
from pyv_edge_agent.link.enrol import _certificates_of, parse_join
from pyv_edge_agent.link.interface import LinkError
from pyv_edge_agent.updater import version_in
from pyvorin_edge import topics, trust, wire
from pyvorin_edge.canonical import canonical_bytes
from pyvorin_edge.envelope import TYPE_DIRECTIVE, EnvelopeError, keyid_of, open_envelope, public_bytes, seal, signers
from pyvorin_edge.errors import CanonicalError, WireError
from pyvorin_edge.orders import (
    Assignment,
    Directive,
    OrderError,
    Release,
    Request,
    decode_order,
    encode_order,
)
from pyvorin_edge.packaging.errors import BundleError
from pyvorin_edge.packaging.manifest import parse_manifest
from pyvorin_edge.parcels import decode_parcel, parcel_blobs
from pyvorin_edge.report import Beat, Presence, Report, Response

KEY = Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
KEYS = {keyid_of(public_bytes(KEY)): public_bytes(KEY)}
DIRECTIVE = json.dumps({
    "v": 1, "fleet": "acme", "channel": "stable", "epoch": 1, "generation": 3,
    "rules": [{"kind": "release", "release": "a" * 64, "attempt": 1, "salt": "s", "below": "0" * 16, "hold": False},
              {"kind": "release", "release": "b" * 64, "attempt": 1, "where": {"a": ["b"]}, "ids": ["FLEET-1"]},
              {"kind": "release", "release": "b" * 64, "attempt": 1}],
    "pace": {"beat_seconds": 60},
    "drift": {"policy": "alert", "ignore": [{"pointer": "/a", "reason": "r", "until": 1}]},
    "issued_at": 1, "expires_at": 2, "reason": "r", "issued_by": "me",
    "window": {"activate": {"days": ["mon"], "from": "22:00", "to": "04:00"}}, "crit": [],
}).encode()  # fmt: skip
ASSIGNMENT = json.dumps({
    "v": 1, "fleet": "acme", "epoch": 1, "device_id": "FLEET-1", "number": 1, "channel": "stable", "issued_at": 1,
    "issued_by": "me", "labels": {"a": "b"}, "overlay": {"health": {"port": None}}, "tz": "UTC",
    "pin": {"release": "a" * 64, "attempt": 1, "kind": "pin"}, "turn": {"release": "a" * 64, "attempt": 1},
}).encode()  # fmt: skip
ENVELOPE = seal(DIRECTIVE, TYPE_DIRECTIVE, [KEY])
PARCEL = json.dumps({"v": 1, "directive": ENVELOPE.decode(), "assignment": "x", "trust": ["x"], "releases": ["x"],
                     "blobs": ["YQ=="]}).encode()  # fmt: skip
JOIN = json.dumps({
    "v": 1, "fleet": "acme", "trust_anchor": "a" * 64, "trust": ["{}"], "assignment": ENVELOPE.decode(),
    "incarnation": 1, "epoch": 1, "generation": 0, "number": 0,
    "link": {"mqtt": ["h:8883"], "http": ["https://h:1"], "ca_pem": ["x"]},
}).encode()  # fmt: skip
ANCHOR = json.dumps({"public_key": public_bytes(KEY).hex()}).encode()
ROLES = ("root", "timestamp", "snapshot", "targets")
TRUST = json.dumps({
    "signatures": [{"keyid": "a" * 64, "sig": "b" * 128}],
    "signed": {
        "_type": "root", "spec_version": "1.0.31", "version": 1, "expires": "2030-01-01T00:00:00Z",
        "consistent_snapshot": True,
        "keys": {next(iter(KEYS)): {"keytype": "ed25519", "scheme": "ed25519",
                                    "keyval": {"public": public_bytes(KEY).hex()}}},
        "roles": {name: {"keyids": list(KEYS), "threshold": 1} for name in ROLES},
        "x-pyvorin": {"fleet": "acme", "epoch": 1},
    },
}).encode()  # fmt: skip
REPORT = json.dumps({"b": 1, "c": 1, "s": 1, "of": 1, "m": [1.5, None, 2, 3, 4], "state": "online", "v": 1,
                     "device_id": "FLEET-1", "boot": 1, "boot_id": "x", "conn": 1, "at": 1}).encode()  # fmt: skip
PIECES = ["pyvorin/fleet/v1", "shard", "26", "#", "+", "", "device", "FLEET-1", "report", "trust"]
MANIFEST = json.dumps({"bundle_name": "a", "version": "1", "files": {"a": {"sha256": "a" * 64, "size": 1}},
                       "signatures": ["YQ=="]}).encode()  # fmt: skip


@FUZZ
@given(strange(DIRECTIVE, ASSIGNMENT, ENVELOPE))
def test_json_is_read_and_can_be_written_again_or_is_refused(data: bytes) -> None:
    try:
        value = wire.loads_strict(data, limit_bytes=wire.ORDER_BYTES_MAX)
    except WireError:
        return
    json.dumps(value, allow_nan=False).encode()
    try:
        assert json.loads(canonical_bytes(value)) == value
    except CanonicalError as why:
        assert why.pointer is not None


@FUZZ
@given(strange(ENVELOPE, DIRECTIVE))
def test_an_envelope_opens_or_is_refused_and_only_what_was_signed_counts(data: bytes) -> None:
    version_in(data)
    try:
        envelope = open_envelope(data)
    except EnvelopeError:
        return
    assert not signers(envelope, KEYS) or envelope.payload == DIRECTIVE


@pytest.mark.parametrize("kind", [Directive, Assignment, Release, Request])
@FUZZ
@given(strange(DIRECTIVE, ASSIGNMENT))
def test_an_order_is_read_and_written_alike_or_refused(
    kind: type[Directive | Assignment | Release | Request], data: bytes
) -> None:
    try:
        order = decode_order(data, kind)
    except OrderError as why:
        assert why.detail
        return
    assert decode_order(encode_order(order), kind) == order


@FUZZ
@given(strange(PARCEL))
def test_a_parcel_is_read_or_refused(data: bytes) -> None:
    try:
        parcel_blobs(decode_parcel(data))
    except OrderError as why:
        assert why.detail


@FUZZ
@given(strange(TRUST, ANCHOR))
def test_trust_is_never_given_to_what_nobody_signed(data: bytes) -> None:
    before = trust.from_key(public_bytes(KEY))
    for read in (trust.parse_anchor, trust.version_of, lambda given: trust.advance(before, given)):
        try:
            found = read(data)
        except trust.TrustError:
            continue
        assert not isinstance(found, trust.Trust) or found.version == 0


@FUZZ
@given(strange(JOIN))
def test_a_join_document_is_taken_into_memory_or_refused(data: bytes) -> None:
    try:
        join = parse_join(data)
    except LinkError:
        return
    with_join(Memory(), join)
    assert Enrolled(join).origins is not None


@FUZZ
@given(st.one_of(strange(b"MIIBAQ=="), strange(b"\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01")))
def test_certificates_are_read_or_refused(data: bytes) -> None:
    try:
        assert _certificates_of(data) is not None
    except LinkError as why:
        assert "PKCS#7" in str(why)


@pytest.mark.parametrize("kind", [Report, Beat, Presence, Response])
@FUZZ
@given(strange(REPORT))
def test_what_a_device_says_is_read_or_refused(kind: type, data: bytes) -> None:
    try:
        said = wire.decode(data, kind, limit_bytes=wire.REPORT_BYTES_MAX)
    except WireError:
        return
    assert wire.decode(wire.encode(said), kind, limit_bytes=2 * wire.REPORT_BYTES_MAX) == said


@FUZZ
@given(
    st.text(max_size=80)
    | st.lists(st.sampled_from(["pyvorin/fleet/v1", "shard", "26", "#", "+", "", "device"])).map("/".join)
)
def test_a_topic_is_ours_or_none(topic: str) -> None:
    try:
        topic.encode()
    except UnicodeEncodeError:
        return  # paho does not hand on what is no UTF-8
    parsed = topics.parse(topic)
    assert parsed is None or topic.startswith(topics.ROOT)


@FUZZ
@given(strange(MANIFEST))
def test_a_manifest_is_read_or_refused(data: bytes) -> None:
    try:
        parse_manifest(data)
    except BundleError as why:
        assert why.fault

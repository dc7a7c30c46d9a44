"""Orders signed here hold by the SDK's verification."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pyv_fleet.trust.errors import DocumentRefused
from pyv_fleet.trust.signing import DirectiveSigner, sign_also, sign_release
from pyvorin_edge import envelope, orders
from pyvorin_edge.identity import ChannelName, DeviceId, Digest, FleetName
from pyvorin_edge.vocabulary import ConfigFormat, RuleKind, Verb

FLEET, STABLE = FleetName("demo"), ChannelName("stable")
DIGEST = Digest("ab" * 32)


def directive(reason: str = "a test", rules: int = 1) -> orders.Directive:
    rule = orders.Rule(kind=RuleKind.RELEASE, release=DIGEST, attempt=1)
    return orders.Directive(
        v=1, fleet=FLEET, channel=STABLE, epoch=0, generation=1, rules=(rule,) * rules, pace=orders.Pace(),
        drift=orders.DriftTerms(), issued_at=1, expires_at=2, reason=reason, issued_by="test",
    )  # fmt: skip


def assignment() -> orders.Assignment:
    return orders.Assignment(
        v=1, fleet=FLEET, epoch=0, device_id=DeviceId("dev-a"), number=1, channel=STABLE, issued_at=1, issued_by="test"
    )


def request() -> orders.Request:
    return orders.Request(
        v=1, fleet=FLEET, epoch=0, request_id="r", verb=Verb.REPORT, issued_at=1, expires_at=2, shard="07"
    )


def release() -> orders.Release:
    config = orders.ConfigRef(sha256=DIGEST, size=1, format=ConfigFormat.TOML)
    return orders.Release(v=1, fleet=FLEET, version="1.0", config=config, golden_hash=DIGEST, form="sorted-json-1")


def test_each_order_is_sealed_under_its_own_type_and_by_the_directive_key(tmp_path: Path) -> None:
    signer = DirectiveSigner.at(tmp_path / "keys" / "directive.key")
    for sealed, order, payload_type in (
        (signer.directive(directive()), directive(), envelope.TYPE_DIRECTIVE),
        (signer.assignment(assignment()), assignment(), envelope.TYPE_ASSIGNMENT),
        (signer.request(request()), request(), envelope.TYPE_REQUEST),
    ):
        opened = envelope.open_envelope(sealed)
        assert opened.payload_type == payload_type
        assert envelope.signers(opened, {signer.keyid: signer.public_key}) == {signer.keyid}
        assert orders.decode_order(opened.payload, type(order)) == order


def test_the_directive_key_stays_the_same(tmp_path: Path) -> None:
    assert DirectiveSigner.at(tmp_path / "k").keyid == DirectiveSigner.at(tmp_path / "k").keyid


def test_a_release_is_signed_by_every_release_key() -> None:
    keys = [Ed25519PrivateKey.generate() for _ in range(2)]
    opened = envelope.open_envelope(sign_release(release(), *keys))
    known = {envelope.keyid_of(envelope.public_bytes(key)): envelope.public_bytes(key) for key in keys}
    assert envelope.signers(opened, known) == set(known)
    with pytest.raises(DocumentRefused):
        sign_release(release())


def test_what_devices_would_refuse_for_its_size_is_not_signed() -> None:
    signer = DirectiveSigner(Ed25519PrivateKey.generate())
    with pytest.raises(DocumentRefused, match="8192"):
        signer.directive(directive(reason="x" * 9000))


def test_a_second_key_signs_beside_the_first_and_the_same_again_changes_nothing() -> None:
    first, second = (Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in (1, 2))
    once = sign_release(release(), first)
    both = sign_also(once, second)
    keys = {envelope.keyid_of(envelope.public_bytes(key)): envelope.public_bytes(key) for key in (first, second)}
    assert envelope.signers(envelope.open_envelope(both), keys) == frozenset(keys)
    assert envelope.open_envelope(both).payload == envelope.open_envelope(once).payload
    assert sign_also(both, second) == both


def test_more_signatures_than_a_device_takes_are_refused() -> None:
    sealed = sign_release(release(), *(Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in range(1, 17)))
    with pytest.raises(DocumentRefused, match="devices take"):
        sign_also(sealed, Ed25519PrivateKey.from_private_bytes(b"\x20" * 32), limit_bytes=len(sealed))

"""Rule 1: size, envelope, role, type, fleet, address, epoch, time, and only then the fields; refusals are reported."""

from __future__ import annotations

import base64
import json

import msgspec
import pytest
from msgspec.structs import replace

from conformance.fleet import DAY_MS, Fleet, other_key, stranger
from conformance.subject import Able, needs
from conformance.watched import Watched
from pyvorin_edge import envelope, orders, topics, wire
from pyvorin_edge.identity import Digest
from pyvorin_edge.vocabulary import Outcome, Phase, Refusal

CHANNEL = topics.channel("stable")


@pytest.fixture
def first(device: Watched) -> Digest:
    """The release that the device runs before the order that it must refuse."""
    release = device.publish("1.0", 1)
    device.fleet.direct(release)
    device.settle_on(release)
    return release


def refused(device: Watched, code: Refusal) -> None:
    device.until(lambda: device.report.refused is not None and device.report.refused.code is code, f"a refusal: {code}")


def order_for(device: Watched, **fields: object) -> orders.Directive:
    """A directive to a release that must not be reached."""
    wrong = device.publish("6.6", 66)
    return device.fleet.order(device.fleet.rule(wrong), **fields)


def send(device: Watched, payload: bytes, payload_type: str = envelope.TYPE_DIRECTIVE) -> None:
    sealed = envelope.seal(payload, payload_type, [device.fleet.directive_key])
    device.fleet.carrier.publish(CHANNEL, sealed, retain=True)


@needs(Able.NETWORK)
def test_an_order_over_8_kib_is_refused_for_its_size(device: Watched, first: Digest) -> None:
    order = order_for(device)
    padded = json.loads(orders.encode_order(order)) | {"padding": "x" * wire.ORDER_BYTES_MAX}
    send(device, json.dumps(padded).encode())
    refused(device, Refusal.SIZE)
    assert device.settled_on(first)


@needs(Able.NETWORK)
def test_what_is_no_envelope_is_refused(device: Watched, first: Digest) -> None:
    device.fleet.carrier.publish(CHANNEL, b"{]", retain=True)
    refused(device, Refusal.ENVELOPE)
    assert device.settled_on(first)


def test_an_order_signed_by_a_stranger_is_refused(device: Watched, first: Digest) -> None:
    device.fleet.send(order_for(device), stranger())
    refused(device, Refusal.SIGNATURE)
    assert device.settled_on(first)


def test_the_release_key_cannot_sign_a_directive(device: Watched, first: Digest) -> None:
    device.fleet.trust(release_key=other_key(1))
    device.until(lambda: device.report.trust == 2, "the new trust document")
    device.fleet.send(order_for(device), other_key(1))
    refused(device, Refusal.SIGNATURE)
    assert device.settled_on(first)


def test_a_tampered_payload_is_refused(device: Watched, first: Digest) -> None:
    sealed = json.loads(device.fleet.seal(order_for(device), envelope.TYPE_DIRECTIVE))
    payload = base64.b64decode(sealed["payload"]).replace(b"a test", b"a lie!")
    sealed["payload"] = base64.b64encode(payload).decode()
    device.fleet.carrier.publish(CHANNEL, json.dumps(sealed).encode(), retain=True)
    refused(device, Refusal.SIGNATURE)
    assert device.settled_on(first)


def test_an_assignment_on_a_channels_topic_is_refused_for_its_type(device: Watched, first: Digest) -> None:
    send(device, orders.encode_order(device.fleet.assignment()), envelope.TYPE_ASSIGNMENT)
    refused(device, Refusal.TYPE)
    assert device.settled_on(first)


def test_an_order_of_another_fleet_is_refused(device: Watched, first: Digest) -> None:
    device.fleet.send(order_for(device, fleet="other"))
    refused(device, Refusal.FLEET)
    assert device.settled_on(first)


@needs(Able.TOPICS)
def test_another_channels_order_on_this_channels_topic_is_refused(device: Watched, first: Digest) -> None:
    send(device, orders.encode_order(order_for(device, channel="beta")))
    refused(device, Refusal.ADDRESS)
    assert device.settled_on(first)


@needs(Able.NETWORK)
def test_another_devices_assignment_is_refused(device: Watched, first: Digest) -> None:
    stray = device.fleet.assignment(device_id="FLEET-another", channel="beta")
    sealed = device.fleet.seal(stray, envelope.TYPE_ASSIGNMENT)
    device.fleet.carrier.publish(topics.assignment(device.subject.device_id), sealed, retain=True)
    refused(device, Refusal.ADDRESS)
    assert device.report.channel == "stable"
    assert device.settled_on(first)


def test_an_order_of_another_epoch_is_refused(device: Watched, first: Digest) -> None:
    device.fleet.send(order_for(device, epoch=2))
    refused(device, Refusal.EPOCH)
    assert device.settled_on(first)


def test_a_missing_field_is_malformed_and_named(device: Watched, first: Digest) -> None:
    said = json.loads(orders.encode_order(order_for(device)))
    del said["reason"]
    send(device, json.dumps(said).encode())
    refused(device, Refusal.MALFORMED)
    assert device.report.refused is not None
    assert "reason" in device.report.refused.detail


@needs(Able.VARIATIONS)
@pytest.mark.parametrize("blank", ["fleet", "rules", "pace", "expires_at", "issued_by", "drift", "generation"])
def test_no_field_may_be_missing(device: Watched, first: Digest, blank: str) -> None:
    said = json.loads(orders.encode_order(order_for(device)))
    del said[blank]
    send(device, json.dumps(said).encode())
    device.until(lambda: device.report.refused is not None, "a refusal")
    assert device.settled_on(first)


def test_an_unknown_version_and_an_unknown_critical_field_are_unsupported(device: Watched, first: Digest) -> None:
    for extra in ({"v": 2}, {"crit": ["teleport"], "teleport": True}):
        said = json.loads(orders.encode_order(order_for(device))) | extra
        send(device, json.dumps(said).encode())
        refused(device, Refusal.UNSUPPORTED)
        assert device.settled_on(first)


def test_an_unknown_field_that_is_not_critical_is_ignored(device: Watched, first: Digest) -> None:
    second = device.publish("1.1", 2)
    order = device.fleet.order(device.fleet.rule(second))
    send(device, json.dumps(json.loads(orders.encode_order(order)) | {"teleport": True}).encode())
    device.settle_on(second)


@needs(Able.TOPICS)
def test_the_checks_come_in_their_order(device: Watched, first: Digest) -> None:
    """An order that is wrong in every later way too is refused for the first."""
    everything = {"v": 9, "fleet": "other", "channel": "beta", "epoch": 7, "issued_at": 2**52}
    said = json.loads(orders.encode_order(order_for(device))) | everything
    wrong = [
        (envelope.TYPE_REQUEST, {}, Refusal.TYPE),
        (envelope.TYPE_DIRECTIVE, {}, Refusal.FLEET),
        (envelope.TYPE_DIRECTIVE, {"fleet": "acme"}, Refusal.ADDRESS),
        (envelope.TYPE_DIRECTIVE, {"fleet": "acme", "channel": "stable"}, Refusal.EPOCH),
        (envelope.TYPE_DIRECTIVE, {"fleet": "acme", "channel": "stable", "epoch": 1}, Refusal.TIME),
        (
            envelope.TYPE_DIRECTIVE,
            {"fleet": "acme", "channel": "stable", "epoch": 1, "issued_at": device.fleet.carrier.now_ms()},
            Refusal.UNSUPPORTED,
        ),
    ]
    for payload_type, mended, code in wrong:
        send(device, json.dumps(said | mended).encode(), payload_type)
        refused(device, code)
    assert device.settled_on(first)


def test_an_order_refused_for_its_key_is_asked_for_again_with_new_trust(device: Watched, first: Digest) -> None:
    new_key = other_key(2)
    second = device.publish("1.1", 2)
    device.fleet.send(device.fleet.order(device.fleet.rule(second)), new_key)
    refused(device, Refusal.SIGNATURE)
    device.fleet.trust(directive_key=new_key)  # nothing else is sent
    device.settle_on(second)


def test_an_order_refused_for_its_epoch_is_asked_for_again_with_new_trust(device: Watched, first: Digest) -> None:
    second = device.publish("1.1", 2)
    device.fleet.assign(epoch=2)
    device.fleet.send(device.fleet.order(device.fleet.rule(second), epoch=2))
    refused(device, Refusal.EPOCH)
    device.fleet.trust(epoch=2)
    device.settle_on(second)


def test_a_trust_document_by_a_stranger_is_refused(device: Watched, first: Digest) -> None:
    forged = json.loads(device.fleet.documents[0])
    forged["signed"]["version"] = 2
    device.fleet.carrier.publish(topics.trust(2), json.dumps(forged).encode(), retain=True)
    refused(device, Refusal.TRUST)
    assert device.report.trust == 1


def test_trust_documents_are_taken_in_order_and_none_is_skipped(device: Watched, first: Digest) -> None:
    device.subject.disconnect()
    for _ in range(3):
        device.fleet.trust()
    device.subject.connect()
    device.until(lambda: device.report.trust == 4, "all of the chain")


@needs(Able.TIME)
def test_under_an_expired_trust_document_new_orders_are_refused_but_not_its_successor(
    device: Watched, first: Digest
) -> None:
    device.fleet.trust(expires_ms=device.fleet.carrier.now_ms() + DAY_MS)
    device.until(lambda: device.report.trust == 2, "the short-lived trust document")
    device.subject.idle(25 * 3600)
    second = device.publish("1.1", 2)
    device.fleet.direct(second)
    refused(device, Refusal.TRUST_EXPIRED)
    assert device.settled_on(first)
    device.fleet.trust()
    device.settle_on(second)


def test_a_release_signed_by_a_stranger_is_never_run(device: Watched, first: Digest, fleet: Fleet) -> None:
    honest, fleet.release_key = fleet.release_key, stranger()
    forged = device.publish("6.6", 66)
    fleet.release_key = honest
    fleet.direct(forged)
    device.until(lambda: device.report.refused is not None or device.report.result is not None, "it says so")
    device.subject.idle(5)
    assert device.runs(1)
    assert device.report.running.release == first


@needs(Able.VARIATIONS)
@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"gate": {"within_seconds": 5, "hold_seconds": 1, "require": {"moon_phase": "full"}}}, "unsupported"),
        ({"crit": ["teleport"]}, "unsupported"),
        ({"golden_hash": None}, "malformed"),
        ({"v": 2}, "unsupported"),
    ],
)
def test_a_release_that_this_agent_does_not_understand_is_rejected(
    device: Watched, first: Digest, change: dict[str, object], cause: str
) -> None:
    config = device.config(2)
    fleet = device.fleet
    good = orders.Release(
        v=1,
        fleet=fleet.name,
        version="1.1",
        config=orders.ConfigRef(sha256=_sha(config), size=len(config), format="toml"),  # type: ignore[arg-type]
        golden_hash=Digest("0" * 64),
        form="sorted-json-1",
    )
    odd = fleet.release_payload(json.dumps(msgspec.to_builtins(good) | change).encode(), config)
    fleet.direct(odd)
    device.end(odd, Outcome.REJECTED)
    result = device.report.result
    assert result is not None
    assert result.code == cause
    assert device.report.running.release == first


def test_a_refused_order_leaves_phase_and_generation_as_they_were(device: Watched, first: Digest) -> None:
    before = device.report
    device.fleet.send(replace(order_for(device), fleet="other"))
    refused(device, Refusal.FLEET)
    assert (device.report.generation, device.report.phase) == (before.generation, Phase.SETTLED)


def test_an_empty_payload_is_a_cleared_message_and_ignored(device: Watched, first: Digest) -> None:
    before = device.subject.durable()
    device.fleet.carrier.publish(CHANNEL, b"", retain=True)
    device.subject.idle(2)
    assert device.subject.durable() == before


def _sha(data: bytes) -> Digest:
    from pyvorin_edge.identity import digest_of

    return digest_of(data)

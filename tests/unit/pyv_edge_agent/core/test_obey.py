"""Each numbered check of rule 1 in its order, rule 2's order of generations, rule 8's time."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.fleet import DAY_MS, Fleet, other_key, stranger
from conformance.memory_broker import MemoryBroker
from pyv_edge_agent.core.events import Now
from pyv_edge_agent.core.memory import Heard, State
from pyv_edge_agent.core.obey import (
    Again,
    Ignored,
    NotObeyed,
    Taken,
    heed_assignment,
    heed_directive,
    heed_release,
    heed_request,
    present_ms,
)
from pyvorin_edge import envelope, orders, wire
from pyvorin_edge.identity import Digest, digest_of
from pyvorin_edge.trust import Trust, advance_all, from_key
from pyvorin_edge.vocabulary import Refusal, Verb
from running.brain import DEVICE, HOME

BROKER = MemoryBroker()
FLEET = Fleet(BROKER, DEVICE, HOME.mqtt[0])
TRUST: Trust = advance_all(from_key(FLEET.root.public_key().public_bytes_raw()), tuple(FLEET.documents))
NOW = Now(BROKER.wall_ms, True, 0.0)
RULE = FLEET.rule(Digest("a" * 64))


def directive(*, key: Any = None, payload_type: str = envelope.TYPE_DIRECTIVE, **fields: Any) -> bytes:
    said = json.loads(orders.encode_order(FLEET.order(RULE, generation=7))) | fields
    payload = json.dumps({name: value for name, value in said.items() if value is not ...}).encode()
    return envelope.seal(payload, payload_type, [key or FLEET.directive_key])


def heed(data: bytes, *, trust: Trust = TRUST, heard: Heard | None = None, now: Now = NOW, **state: Any) -> Any:
    known = State(heard={"stable": heard} if heard else {}, **state)
    return heed_directive(data, "stable", trust, known, now)


#: each wrong in one way, in the order of the rule
WRONG: list[tuple[str, dict[str, Any], Refusal]] = [
    ("size", {"padding": "x" * wire.ORDER_BYTES_MAX}, Refusal.SIZE),
    ("role", {"key": stranger()}, Refusal.SIGNATURE),
    ("type", {"payload_type": envelope.TYPE_RELEASE}, Refusal.TYPE),
    ("fleet", {"fleet": "other"}, Refusal.FLEET),
    ("address", {"channel": "beta"}, Refusal.ADDRESS),
    ("epoch", {"epoch": 9}, Refusal.EPOCH),
    ("time", {"issued_at": NOW.wall_ms + DAY_MS + 1}, Refusal.TIME),
    ("fields", {"reason": ...}, Refusal.MALFORMED),
]


@pytest.mark.parametrize("number", range(len(WRONG)), ids=[name for name, _, _ in WRONG])
def test_what_is_wrong_from_a_check_on_is_refused_by_that_check(number: int) -> None:
    everything: dict[str, Any] = {}
    for _, change, _ in WRONG[number:]:
        everything |= change
    refused = heed(directive(**everything))
    assert isinstance(refused, NotObeyed)
    assert refused.code is WRONG[number][2], refused.detail


def test_what_is_no_envelope_is_refused_before_anything_is_believed() -> None:
    refused = heed(b'{"payload": "e30=", "signatures": []}')
    assert isinstance(refused, NotObeyed)
    assert refused.code is Refusal.ENVELOPE


@pytest.mark.parametrize("order", [heed_directive, heed_assignment])
def test_an_empty_payload_is_a_cleared_message(order: Any) -> None:
    assert order(b"", "stable", TRUST, State(), NOW) == Ignored()


@given(st.binary(max_size=300))
def test_no_bytes_raise(data: bytes) -> None:
    assert isinstance(heed(data), NotObeyed | Ignored)


@pytest.mark.parametrize(
    ("code", "again"),
    [(code, code.name in {"EPOCH", "SIGNATURE", "TIME", "EXPIRED", "TRUST_EXPIRED"}) for code in Refusal],
)
def test_only_epoch_key_and_time_are_asked_for_again(code: Refusal, again: bool) -> None:
    assert NotObeyed(code, "").ask_again is again


SEALED = directive()
SHA = digest_of(envelope.open_envelope(SEALED).payload)


@pytest.mark.parametrize(
    ("heard", "outcome"),
    [
        (None, Taken),
        (Heard(epoch=1, generation=6, payload_sha256=Digest("b" * 64)), Taken),
        (Heard(epoch=0, generation=2**62), Taken),
        (Heard(epoch=1, generation=7), Taken),  # a bound
        (Heard(epoch=1, generation=7, payload_sha256=SHA), Again),
        (Heard(epoch=1, generation=7, payload_sha256=Digest("b" * 64)), NotObeyed),
        (Heard(epoch=1, generation=8), Ignored),
        (Heard(epoch=2, generation=1), Ignored),
    ],
)
def test_generations_only_grow(heard: Heard | None, outcome: type) -> None:
    assert type(heed(SEALED, heard=heard)) is outcome


def test_two_orders_of_one_generation_are_an_equivocation() -> None:
    refused = heed(SEALED, heard=Heard(epoch=1, generation=7, payload_sha256=Digest("b" * 64)))
    assert refused.code is Refusal.EQUIVOCATION


def test_the_same_order_signed_again_is_the_same_order() -> None:
    heard = Heard(epoch=1, generation=7, payload_sha256=SHA)
    payload = envelope.open_envelope(SEALED).payload
    resealed = envelope.seal(payload, envelope.TYPE_DIRECTIVE, [FLEET.directive_key, other_key(9)])
    assert isinstance(heed(resealed, heard=heard), Again)


# time


def test_without_a_synchronised_clock_the_time_is_the_bound() -> None:
    wrong = Now(5, False, 0.0)
    assert present_ms(TRUST, State(time_bound=1234), wrong) == 1234
    assert present_ms(TRUST, State(time_bound=1234), NOW) == NOW.wall_ms


def test_the_bound_never_passes_the_trust_documents_expiry() -> None:
    assert TRUST.expires_at is not None
    bound = present_ms(TRUST, State(time_bound=2**52), Now(5, False, 0.0))
    assert bound < TRUST.expires_at


def test_an_expired_directive_is_not_newly_accepted() -> None:
    refused = heed(directive(expires_at=NOW.wall_ms))
    assert isinstance(refused, NotObeyed)
    assert refused.code is Refusal.EXPIRED


def test_without_a_clock_it_is_expired_by_the_bound() -> None:
    unsynced = Now(0, False, 0.0)
    old = directive(expires_at=NOW.wall_ms)
    assert isinstance(heed(old, now=unsynced, time_bound=NOW.wall_ms - 1), Taken)
    assert isinstance(heed(old, now=unsynced, time_bound=NOW.wall_ms), NotObeyed)


def test_issued_ahead_is_only_refused_by_a_synchronised_clock() -> None:
    ahead = directive(issued_at=NOW.wall_ms + DAY_MS + 1)
    assert isinstance(heed(ahead, now=Now(0, False, 0.0)), Taken)
    assert isinstance(heed(directive(issued_at=NOW.wall_ms + DAY_MS)), Taken)


def test_an_expired_trust_document_takes_no_orders() -> None:
    assert TRUST.expires_at is not None
    refused = heed(SEALED, now=Now(TRUST.expires_at, True, 0.0))
    assert isinstance(refused, NotObeyed)
    assert refused.code is Refusal.TRUST_EXPIRED


# the other orders


def assignment(**fields: Any) -> bytes:
    return FLEET.seal(FLEET.assignment(number=3, **fields), envelope.TYPE_ASSIGNMENT)


def test_an_assignment_is_ordered_by_its_number() -> None:
    heard = Heard(epoch=1, generation=4)
    assert isinstance(heed_assignment(assignment(), DEVICE, TRUST, State(), NOW), Taken)
    assert isinstance(heed_assignment(assignment(), DEVICE, TRUST, State(heard_assignment=heard), NOW), Ignored)


def test_another_devices_assignment_is_refused() -> None:
    refused = heed_assignment(assignment(device_id="FLEET-other"), DEVICE, TRUST, State(), NOW)
    assert isinstance(refused, NotObeyed)
    assert refused.code is Refusal.ADDRESS


def released(**fields: Any) -> tuple[Digest, bytes]:
    digest = FLEET.release("1.0", b"a = 1\n", **fields)
    return digest, BROKER.retained[f"pyvorin/fleet/v1/release/{digest}"]


def test_a_release_counts_only_under_its_own_digest() -> None:
    digest, sealed = released()
    assert isinstance(heed_release(sealed, digest, TRUST, State()), Taken)
    refused = heed_release(sealed, "b" * 64, TRUST, State())
    assert isinstance(refused, NotObeyed)
    assert refused.code is Refusal.ADDRESS


def test_the_directive_key_signs_no_releases() -> None:
    digest, sealed = released()
    payload = envelope.open_envelope(sealed).payload
    refused = heed_release(envelope.seal(payload, envelope.TYPE_RELEASE, [FLEET.directive_key]), digest, TRUST, State())
    assert isinstance(refused, NotObeyed)
    assert refused.code is Refusal.SIGNATURE


def test_another_fleets_release_is_refused() -> None:
    digest, sealed = released(fleet="other")
    refused = heed_release(sealed, digest, TRUST, State())
    assert isinstance(refused, NotObeyed)
    assert refused.code is Refusal.FLEET


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, None),
        ({"device_id": "FLEET-other"}, Refusal.ADDRESS),
        ({"device_id": None, "shard": "26"}, None),
        ({"device_id": None, "shard": "27"}, Refusal.ADDRESS),
        ({"expires_at": NOW.wall_ms}, Refusal.EXPIRED),
        ({"epoch": 2}, Refusal.EPOCH),
    ],
)
def test_a_request_is_for_this_device_or_its_shard_and_in_time(fields: dict[str, Any], code: Refusal | None) -> None:
    sealed = FLEET.request(Verb.REPORT, "b1", **fields)
    heeded = heed_request(sealed, DEVICE, "26", TRUST, State(), NOW)
    assert (heeded.code if isinstance(heeded, NotObeyed) else None) is code


def test_on_a_bench_the_first_order_names_the_fleet() -> None:
    alone = from_key(FLEET.directive_key.public_key().public_bytes_raw())
    sealed = directive(epoch=0, fleet="bench")
    assert isinstance(heed(sealed, trust=alone), Taken)
    refused = heed(sealed, trust=alone, fleet="other")
    assert isinstance(refused, NotObeyed)
    assert refused.code is Refusal.FLEET

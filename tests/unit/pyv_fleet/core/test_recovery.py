"""Of what a broker holds, only what this fleet's keys signed for just that topic is believed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from pyv_fleet.core.recovery import (
    ATTEMPT_MAX,
    attempts_of,
    follow,
    highest,
    knows_again,
    last_issued_at,
    missing_releases,
    sort_out,
)
from pyv_fleet.core.release import build_release
from pyv_fleet.trust.root_document import RoleKeys, RootTerms, make_root, next_root
from pyvorin_edge import topics
from pyvorin_edge.envelope import TYPE_ASSIGNMENT, TYPE_DIRECTIVE, TYPE_RELEASE, public_bytes, seal
from pyvorin_edge.identity import ChannelName, DeviceId, Digest, FleetName, digest_of
from pyvorin_edge.orders import Assignment, Directive, DriftTerms, Pace, Pin, Rule, encode_order, release_digest
from pyvorin_edge.trust import Extra, Trust, from_key
from pyvorin_edge.vocabulary import ConfigFormat, RuleKind

ROOT, RELEASER, DIRECTOR, STRANGER = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in range(4))
CONFIG = b"[sensors]\ndevices = []\n"


def terms(epoch: int, days: int = 0) -> RootTerms:
    return RootTerms(
        root=RoleKeys((public_bytes(ROOT),)),
        release=RoleKeys((public_bytes(RELEASER),)),
        directive=RoleKeys((public_bytes(DIRECTOR),)),
        extra=Extra(fleet="lab", epoch=epoch),
        expires=datetime(2036, 1, 1, tzinfo=UTC) + timedelta(days=days),
    )


FIRST = make_root(terms(1), [ROOT])
SECOND = next_root(FIRST, terms(2, 1), [ROOT])
FOURTH = next_root(next_root(SECOND, terms(2, 2), [ROOT]), terms(2, 3), [ROOT])


@cache
def trust() -> Trust:
    newest, taken = follow(from_key(public_bytes(ROOT)), {topics.trust(1): FIRST})
    assert len(taken) == 1
    return newest


RELEASE_PAYLOAD = encode_order(
    build_release(CONFIG, fleet="lab", version="1.0", format=ConfigFormat.TOML),
)
DIGEST = release_digest(RELEASE_PAYLOAD)


def directive(channel: str = "stable", **other: Any) -> Directive:
    made = Directive(
        v=1, fleet=FleetName("lab"), channel=ChannelName(channel), epoch=1, generation=7,
        rules=(Rule(kind=RuleKind.RELEASE, release=DIGEST, attempt=3),), pace=Pace(), drift=DriftTerms(),
        issued_at=1000, expires_at=2000, reason="a test", issued_by="me",
    )  # fmt: skip
    return msgspec.structs.replace(made, **other)


def assignment(device_id: str = "dev-a", **other: Any) -> Assignment:
    made = Assignment(
        v=1, fleet=FleetName("lab"), epoch=1, device_id=DeviceId(device_id), number=9,
        channel=ChannelName("stable"), issued_at=1500, issued_by="me",
    )  # fmt: skip
    return msgspec.structs.replace(made, **other)


def signed(order: Directive | Assignment, key: Ed25519PrivateKey = DIRECTOR) -> bytes:
    return seal(encode_order(order), TYPE_DIRECTIVE if isinstance(order, Directive) else TYPE_ASSIGNMENT, [key])


def broker(**more: bytes) -> dict[str, bytes]:
    """A broker that holds a whole fleet."""
    return {
        topics.channel("stable"): signed(directive()),
        topics.assignment("dev-a"): signed(assignment()),
        topics.release(DIGEST): seal(RELEASE_PAYLOAD, TYPE_RELEASE, [RELEASER]),
        topics.blob(digest_of(CONFIG)): CONFIG,
        **more,
    }


def test_all_that_is_signed_is_found_with_what_it_names() -> None:
    found = sort_out(trust(), "lab", broker())
    assert found.directives["stable"].order.generation == 7
    assert found.assignments["dev-a"].order.number == 9
    assert found.releases[DIGEST].blob == CONFIG
    assert (found.refused, missing_releases(found)) == ((), ())
    assert last_issued_at(found) == 1500


@pytest.mark.parametrize(
    ("topic", "payload", "why"),
    [
        (topics.channel("stable"), signed(directive(), STRANGER), "not signed"),
        (topics.channel("stable"), signed(directive("beta")), "'beta'"),
        (topics.channel("stable"), signed(directive(fleet="other")), "'other'"),
        (topics.channel("stable"), signed(directive(epoch=2)), "epoch 2"),
        (topics.channel("stable"), signed(assignment()), "payloadType"),
        (topics.channel("stable"), b"{}", "envelope"),
        (topics.assignment("dev-a"), signed(assignment("dev-b")), "'dev-b'"),
        (topics.assignment("dev-a"), signed(assignment(epoch=2)), "epoch 2"),
        (topics.release(DIGEST), seal(RELEASE_PAYLOAD, TYPE_RELEASE, [DIRECTOR]), "not signed"),
        (topics.release("0" * 64), seal(RELEASE_PAYLOAD, TYPE_RELEASE, [RELEASER]), DIGEST),
        (topics.blob(digest_of(CONFIG)), b"other bytes", "not there whole"),
    ],
)
def test_what_is_not_ours_or_stands_elsewhere_is_refused_and_named(topic: str, payload: bytes, why: str) -> None:
    found = sort_out(trust(), "lab", broker(**{topic: payload}))
    assert len(found.refused) == 1
    assert why in found.refused[0]


def test_a_cleared_message_and_a_strange_topic_are_nothing() -> None:
    assert sort_out(trust(), "lab", {topics.channel("stable"): b"", "something/else": b"x"}) == sort_out(
        trust(), "lab", {}
    )


def test_an_assignment_of_an_earlier_epoch_still_says_where_a_device_belongs() -> None:
    assert "dev-a" in sort_out(trust(), "lab", broker(**{topics.assignment("dev-a"): signed(assignment(epoch=0))}))\
        .assignments  # fmt: skip


def test_attempts_are_the_highest_that_rules_and_pins_name() -> None:
    pin = Pin(release=DIGEST, attempt=5, kind=RuleKind.RELEASE)
    found = sort_out(trust(), "lab", broker(**{topics.assignment("dev-a"): signed(assignment(pin=pin))}))
    assert attempts_of(found) == {DIGEST: 5}


def test_what_an_order_names_and_the_broker_lacks_is_missing() -> None:
    held = broker()
    del held[topics.release(DIGEST)]
    assert missing_releases(sort_out(trust(), "lab", held)) == (DIGEST,)


def test_a_chain_of_trust_ends_at_a_gap_or_a_forgery() -> None:
    start = from_key(public_bytes(ROOT))
    held = {topics.trust(1): FIRST, topics.trust(2): SECOND, topics.trust(4): FOURTH}
    assert follow(start, held)[0].version == 2
    assert follow(start, {**held, topics.trust(2): b"{}"})[0].version == 1
    assert follow(trust(), held)[1] == (SECOND,)


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 2 * ATTEMPT_MAX))))
def test_an_attempt_that_cannot_be_counts_nothing(pairs: list[tuple[str, int]]) -> None:
    found = highest(pairs)
    for release, attempt in pairs:
        assert attempt > ATTEMPT_MAX or found[Digest(release)] >= attempt
    assert all(0 <= attempt <= ATTEMPT_MAX for attempt in found.values())


@pytest.mark.parametrize(
    ("known", "key", "quarantined", "newest", "issued_at", "taken"),
    [
        ("", "k", False, 0, 5, True),  # found at the broker: any key that our CA let in
        ("k", "k", False, 9, 5, True),  # the same key, renewed since
        ("k", "other", False, 4, 5, True),  # enrolled anew since
        ("k", "other", False, 5, 5, False),  # replaced before: its key was revoked
        ("k", "other", False, 0, 5, False),
        ("", "k", True, 0, 5, False),
    ],
)
def test_whose_certificate_is_known_again(
    known: str, key: str, quarantined: bool, newest: int, issued_at: int, taken: bool
) -> None:
    assert knows_again(known, key, quarantined=quarantined, newest=newest, issued_at=issued_at) == taken

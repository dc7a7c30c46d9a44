"""A parcel holds what its devices may be asked for, no more, within 1 MiB; and it is read back as it was packed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.fleet import Fleet
from conformance.parcel_subject import Satchel
from pyv_fleet.core.parcels import ParcelError, contents_of, needed, pack
from pyvorin_edge import topics
from pyvorin_edge.identity import Digest, digest_of
from pyvorin_edge.orders import BundleRef, Pin, golden
from pyvorin_edge.parcels import decode_parcel
from pyvorin_edge.vocabulary import RuleKind

DEVICE = "FLEET-0a1b2c3d4e5f"
OLD, NEW, THIRD = (Digest(letter * 64) for letter in "abc")
CONFIG = b"[windows]\ndefault_size = 7\n"


@pytest.fixture
def fleet() -> Fleet:
    return Fleet(Satchel(), DEVICE, "h:1")


def sent(fleet: Fleet, topic: str) -> bytes:
    assert isinstance(fleet.carrier, Satchel)
    return fleet.carrier.retained[topic]


def test_a_channels_parcel_needs_every_release_of_its_rules_once(fleet: Fleet) -> None:
    directive = fleet.order(fleet.rule(NEW, ids=("FLEET-x",)), fleet.rule(OLD, hold=True), fleet.rule(OLD))
    assert needed(directive) == (NEW, OLD)


def test_a_devices_parcel_needs_what_its_own_rules_may_give(fleet: Fleet) -> None:
    assignment = fleet.assignment(labels={"site": "a"})
    directive = fleet.order(
        fleet.rule(THIRD, ids=("FLEET-x",)), fleet.rule(NEW, where={"site": ("a",)}), fleet.rule(OLD)
    )
    assert needed(directive, DEVICE, assignment) == (NEW,)


def test_a_pin_stands_before_all_rules(fleet: Fleet) -> None:
    pinned = fleet.assignment(pin=Pin(release=THIRD, attempt=9, kind=RuleKind.RELEASE))
    assert needed(fleet.order(fleet.rule(OLD)), DEVICE, pinned) == (THIRD,)


@given(
    holds=st.lists(st.tuples(st.sampled_from([OLD, NEW, THIRD]), st.booleans()), max_size=6),
    held=st.frozensets(st.sampled_from([OLD, NEW, THIRD])),
)
def test_whatever_a_device_holds_its_golden_is_among_what_is_packed(
    holds: list[tuple[Digest, bool]], held: frozenset[Digest]
) -> None:
    fleet = Fleet(Satchel(), DEVICE, "h:1")
    rules = [fleet.rule(release, hold=hold) for release, hold in holds]
    directive, assignment = fleet.order(*rules, fleet.rule(OLD)), fleet.assignment()
    target = golden(DEVICE, directive, assignment, held)
    assert target is not None
    assert target.release in needed(directive, DEVICE, assignment)


def packed(fleet: Fleet, **fields: Any) -> bytes:
    release = fleet.release("1.0", CONFIG, **fields)
    directive = fleet.direct(release)
    return pack(fleet.documents, directive, None, [(sent(fleet, topics.release(release)), CONFIG)])


def test_what_was_packed_is_read_back(fleet: Fleet) -> None:
    contents = contents_of(packed(fleet))
    assert contents.directive is not None
    assert contents.directive.generation == fleet.generation
    assert (contents.assignment, contents.versions) == (None, ("1.0",))
    assert contents.blobs == {digest_of(CONFIG): CONFIG}


def test_its_bundles_are_named_for_there_is_no_room_for_them(fleet: Fleet) -> None:
    bundle = BundleRef(name="agent", version="1", manifest_sha256=OLD, sha256=NEW, size=9)
    assert contents_of(packed(fleet, bundle=bundle)).bundles == {NEW: bundle}


def test_one_config_of_two_releases_is_packed_once(fleet: Fleet) -> None:
    found = [fleet.release(version, CONFIG) for version in ("1.0", "1.1")]
    data = pack([], None, None, [(sent(fleet, topics.release(one)), CONFIG) for one in found])
    assert len(decode_parcel(data).blobs) == 1


def test_over_1_mib_it_is_refused_with_what_takes_the_room(fleet: Fleet) -> None:
    envelope = sent(fleet, topics.release(fleet.release("1.0", CONFIG)))
    with pytest.raises(ParcelError, match=r"1 MiB.*configs.*one device"):
        pack([], None, None, [(envelope, bytes([number]) * 65_536) for number in range(16)])


@pytest.mark.parametrize("data", [b"", b"[]", b'{"v":1,"releases":["x"]}', b'{"v":1,"directive":"{}"}'])
def test_what_is_no_parcel_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(ParcelError, match="not a parcel"):
        contents_of(data)

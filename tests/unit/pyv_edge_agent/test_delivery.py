"""A bundle's way into its slot: over HTTPS or by hand, whole and verified, or not at all and with the cause."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from pyv_edge_agent import delivery as module
from pyv_edge_agent.core import events as ev
from pyv_edge_agent.delivery import Delivery, Route
from pyv_edge_agent.disk.bundles import BundleSlots
from pyv_edge_agent.link import enrol
from pyv_edge_agent.link.downloading import path_of
from pyv_edge_agent.link.interface import Credentials, Passport
from pyvorin_edge.identity import digest_of
from pyvorin_edge.orders import BundleRef
from pyvorin_edge.trust import Link as Whereabouts
from pyvorin_edge.trust import from_key
from pyvorin_edge.vocabulary import Cause
from running.bundles import FILES, TRUST, archive_of, manifest_digest, signed
from running.desk import Desk, open_desk

DEVICE = "FLEET-0a1b2c3d4e5f"


class World:
    """A delivery, its slots and a controller that has one bundle."""

    def __init__(self, root: Path, desk: Desk) -> None:
        self.desk = desk
        key = enrol.new_key_pem()
        (root / "key").write_bytes(key)
        (root / "pem").write_bytes(enrol.enrol(desk.url, desk.server_ca_pem, DEVICE, desk.token, key))
        passport = Passport(Credentials(root / "pem", root / "key"), desk.server_ca_pem)
        directory = signed(root / "bundle")
        self.archive = archive_of(directory).getvalue()
        self.bundle = BundleRef(
            name="agent",
            version="1.0",
            manifest_sha256=manifest_digest(directory),
            sha256=digest_of(self.archive),
            size=len(self.archive),
        )
        desk.answers[path_of(self.bundle.sha256)] = (200, self.archive)
        self.slots = BundleSlots(root / "state")
        self.said: queue.SimpleQueue[ev.Event] = queue.SimpleQueue()
        self.delivery = Delivery(self.slots, Route(lambda: passport, lambda: 0), self.said.put)

    def fetch(self, bundle: BundleRef | None = None, trust: object = TRUST) -> ev.Event:
        """Ask for it; the answer."""
        self.delivery.fetch(bundle or self.bundle, trust, Whereabouts(http=(self.desk.url,)))  # type: ignore[arg-type]
        return self.said.get(timeout=30)

    def failed(self, bundle: BundleRef | None = None, trust: object = TRUST) -> Cause:
        """Ask for it; why it failed. No slot is there then."""
        answer = self.fetch(bundle, trust)
        assert isinstance(answer, ev.BundleFailed), answer
        return answer.code


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_desk(tmp_path, DEVICE) as desk:
        yield World(tmp_path, desk)


def test_it_lies_in_its_slot_whole(world: World) -> None:
    assert world.fetch() == ev.BundleReady(world.bundle.manifest_sha256)
    directory = world.slots.directory(world.bundle.manifest_sha256)
    assert {path: (directory / path).read_bytes() for path in FILES} == FILES


def test_what_lies_there_is_not_fetched_again(world: World) -> None:
    world.fetch()
    asked = len(world.desk.asked)
    assert world.fetch() == ev.BundleReady(world.bundle.manifest_sha256)
    assert len(world.desk.asked) == asked


def test_a_slot_that_was_spoilt_is_fetched_anew(world: World) -> None:
    world.fetch()
    spoilt = world.slots.directory(world.bundle.manifest_sha256) / "zeros"
    spoilt.write_bytes(b"1" * 512)
    assert world.fetch() == ev.BundleReady(world.bundle.manifest_sha256)
    assert spoilt.read_bytes() == FILES["zeros"]


def test_a_download_that_breaks_off_goes_on_by_itself(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.05)
    world.desk.cuts = [10, 20]
    assert world.fetch() == ev.BundleReady(world.bundle.manifest_sha256)
    assert world.desk.ranges[-2:] == ["bytes=10-", "bytes=30-"]


def test_what_is_not_what_the_release_names_is_not_unpacked(world: World) -> None:
    world.desk.answers[path_of(world.bundle.sha256)] = (200, world.archive[:-1] + b"x")
    assert world.failed() is Cause.FETCH


def test_a_bundle_signed_by_nobody_we_trust_is_not_taken(world: World) -> None:
    assert world.failed(trust=from_key(bytes(32))) is Cause.SIGNATURE
    assert world.slots.held() == frozenset()


@pytest.mark.parametrize("fields", [{"manifest_sha256": "a" * 64}, {"version": "2.0"}, {"name": "other"}])
def test_a_bundle_that_is_another_than_the_release_says_is_rejected(world: World, fields: dict[str, str]) -> None:
    assert world.failed(replace(world.bundle, **fields)) is Cause.BUNDLE
    assert world.slots.held() == frozenset()


def test_what_is_no_archive_is_rejected(world: World) -> None:
    junk = b"no archive at all"
    world.desk.answers[path_of(digest_of(junk))] = (200, junk)
    assert world.failed(replace(world.bundle, sha256=digest_of(junk), size=len(junk))) is Cause.BUNDLE


def test_too_little_room_is_told_before_anything_is_fetched(world: World) -> None:
    assert world.failed(replace(world.bundle, size=2**60)) is Cause.DISK
    assert not [path for path, _ in world.desk.asked if path.startswith("/v1/bundles")]


def test_one_brought_by_hand_needs_no_network(world: World) -> None:
    world.slots.download(world.bundle.sha256).write_bytes(world.archive)
    world.desk.answers.clear()
    assert world.fetch() == ev.BundleReady(world.bundle.manifest_sha256)


def test_what_is_left_ends_without_an_answer_and_what_comes_next_is_answered(world: World) -> None:
    world.desk.answers.clear()
    world.delivery.fetch(world.bundle, TRUST, Whereabouts(http=(world.desk.url,)))
    world.delivery.leave()
    world.desk.answers[path_of(world.bundle.sha256)] = (200, world.archive)
    assert world.fetch() == ev.BundleReady(world.bundle.manifest_sha256)
    assert world.said.empty()

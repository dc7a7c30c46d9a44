"""A parcel at `/config/reload`: accepted, lower or rejected, by the same core as every order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance.fleet import Fleet, stranger
from pyv_edge_agent.clock import Clock
from pyv_edge_agent.core.brain import wake
from pyv_edge_agent.core.device import Facts
from pyv_edge_agent.core.memory import Memory
from pyv_edge_agent.core.update import phase_of
from pyv_edge_agent.disk.atomic import DiskError
from pyv_edge_agent.disk.journal import Journal
from pyv_edge_agent.disk.slots import SlotKind, Slots
from pyv_edge_agent.link.none import NoLink
from pyv_edge_agent.parcel import ask_parcel, take_parcel
from pyv_edge_agent.performer import Surroundings
from pyv_edge_agent.updater import OTAUpdater
from pyvorin_edge import orders, topics, wire
from pyvorin_edge.envelope import TYPE_ASSIGNMENT, public_bytes
from pyvorin_edge.identity import DeviceId, digest_of
from pyvorin_edge.trust import Link as Whereabouts
from pyvorin_edge.trust import from_key
from pyvorin_edge.vocabulary import Clock as ClockWord
from pyvorin_edge.vocabulary import Phase
from running.shell import NO_ROUTE, a_disk

DEVICE = DeviceId("FLEET-0a1b2c3d4e5f")
CONFIG = b"[windows]\ndefault_size = 7\n"


class Pocket:
    """A carrier that keeps what is sent, to be put into a parcel."""

    def __init__(self) -> None:
        self.sent: dict[str, bytes] = {}
        self._clock = Clock()

    def publish(self, topic: str, payload: bytes, *, retain: bool) -> None:
        self.sent[topic] = payload

    def now_ms(self) -> int:
        return self._clock.wall_ms()


@pytest.fixture
def fleet() -> Fleet:
    return Fleet(Pocket(), DEVICE, "h:1")


@pytest.fixture
def slots(tmp_path: Path) -> Slots:
    return Slots(tmp_path / "store")


@pytest.fixture
def updater(fleet: Fleet, slots: Slots, tmp_path: Path) -> Iterator[OTAUpdater]:
    (tmp_path / "config.toml").write_bytes(b"")
    device = wake(Facts(device_id=DEVICE, agent_version="1"), Memory(), from_key(public_bytes(fleet.root)))
    around = Surroundings(
        apply=lambda effective: None, health=lambda: {"status": "healthy"}, logs=lambda count: (),
        values=lambda references: {},
        fetch=lambda where, topic: None, device_key=b"key", enrolled=Whereabouts(), start_again=None, route=NO_ROUTE,
    )  # fmt: skip
    made = OTAUpdater(device, a_disk(tmp_path), NoLink(), around, Clock(ClockWord.SYNCED))
    made.start("boot-1", "machine-1")
    yield made
    made.stop()


def parcel(fleet: Fleet, **changes: Any) -> bytes:
    """A whole parcel: trust, assignment, directive, release and blob."""
    release = fleet.release("1.0", CONFIG)
    directive = fleet.direct(release)
    carrier = fleet.carrier
    assert isinstance(carrier, Pocket)
    said = {
        "v": 1,
        "trust": tuple(document.decode() for document in fleet.documents),
        "assignment": fleet.seal(fleet.assignment(), TYPE_ASSIGNMENT).decode(),
        "directive": directive.decode(),
        "releases": (carrier.sent[topics.release(release)].decode(),),
        "blobs": (_base64(CONFIG),),
    }
    return wire.encode(orders.Parcel(**{**said, **changes}))


def test_a_whole_parcel_is_accepted_and_its_release_is_in_the_store(
    updater: OTAUpdater, fleet: Fleet, slots: Slots
) -> None:
    assert take_parcel(updater, parcel(fleet)) == (200, "accepted")
    assert updater.device.trust.version == 1
    assert updater.device.memory.directive is not None
    assert slots.read(SlotKind.BLOBS, digest_of(CONFIG)) == CONFIG


def test_a_release_that_comes_after_its_order_is_what_the_update_waited_for(updater: OTAUpdater, fleet: Fleet) -> None:
    whole = parcel(fleet)
    said = wire.loads_strict(whole, limit_bytes=len(whole))
    assert take_parcel(updater, wire.encode(said | {"releases": [], "blobs": []}))[0] == 200
    assert phase_of(updater.device.memory) is Phase.FETCHING
    assert take_parcel(updater, whole)[0] == 200
    assert phase_of(updater.device.memory) is not Phase.FETCHING


def test_the_same_again_is_accepted_and_a_lower_one_is_not(updater: OTAUpdater, fleet: Fleet) -> None:
    first = parcel(fleet)
    second = parcel(fleet)
    assert take_parcel(updater, second)[0] == 200
    assert take_parcel(updater, second)[0] == 200
    status, said = take_parcel(updater, first)
    assert (status, "not newer" in said) == (409, True)


def test_a_directive_by_a_stranger_is_rejected_with_the_reason(updater: OTAUpdater, fleet: Fleet) -> None:
    release = fleet.release("1.0", CONFIG)
    forged = fleet.send(fleet.order(fleet.rule(release)), stranger())
    status, said = take_parcel(updater, parcel(fleet, directive=forged.decode()))
    assert (status, "channel/stable" in said) == (422, True)
    assert updater.device.memory.directive is None


def test_a_release_by_a_stranger_is_not_stored(updater: OTAUpdater, fleet: Fleet, slots: Slots) -> None:
    fleet.release_key = stranger()
    fleet_trust = tuple(document.decode() for document in fleet.documents)
    take_parcel(updater, parcel(fleet, trust=fleet_trust))
    assert slots.held(SlotKind.RELEASES) == frozenset()
    assert slots.read(SlotKind.BLOBS, digest_of(CONFIG)) is None


def test_what_the_disk_does_not_take_is_neither_accepted_nor_called_lower(
    updater: OTAUpdater, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Journal, parts: Any) -> None:
        raise DiskError(Path("state"), "write", OSError(28, "No space left on device"))

    monkeypatch.setattr(Journal, "write", full)
    status, said = take_parcel(updater, parcel(fleet))
    assert (status, "No space left" in said) == (507, True)


def test_the_answer_says_who_it_is_and_what_it_had_before(updater: OTAUpdater, fleet: Fleet) -> None:
    data = parcel(fleet)
    said = ask_parcel(updater, {"parcel": _base64(data)})
    assert (said["status"], said["device_id"], said["boot_id"], said["was"]) == (200, DEVICE, "boot-1", None)
    assert said["generation"] == fleet.generation
    assert said["wanted"] is not None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"not json",
        b'{"v":1}',
        b'{"v":1,"trust":["x"]}',
        b'{"v":1,"directive":"x"}',
        b'{"v":1,"blobs":["%"]}',
    ],
)
def test_what_is_no_parcel_changes_nothing(updater: OTAUpdater, data: bytes) -> None:
    before = updater.device.memory
    assert take_parcel(updater, data)[0] == 422
    assert updater.device.memory == before


def _base64(data: bytes) -> str:
    import base64

    return base64.b64encode(data).decode()

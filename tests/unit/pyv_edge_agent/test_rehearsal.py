"""What a parcel would do is said beforehand, by the same core, and nothing at all is changed by asking."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from conformance.fleet import Fleet, stranger
from conformance.parcel_subject import Satchel
from pyv_edge_agent.cli import main
from pyv_edge_agent.clock import Clock
from pyv_edge_agent.exits import Exit
from pyv_edge_agent.provision import provision_offline, render_config
from pyv_edge_agent.rehearsal import Rehearsal
from pyv_edge_agent.state_dir import StateDir
from pyvorin_edge import wire
from pyvorin_edge.carrying import ChangeSeen, Foreseen
from pyvorin_edge.envelope import public_bytes
from pyvorin_edge.identity import DeviceId, Digest
from pyvorin_edge.orders import BundleRef
from pyvorin_edge.vocabulary import Clock as ClockWord
from pyvorin_edge.vocabulary import ParcelOutcome, Would

DEVICE = DeviceId("FLEET-0a1b2c3d4e5f")
CONFIG = b'[windows]\ndefault_size = 7\n\n[cloud]\napi_key = "xyz"\n'


@pytest.fixture
def fleet() -> Fleet:
    made = Fleet(Satchel(), DEVICE, "h:1")
    made.send_trust(1)
    return made


@pytest.fixture
def place(fleet: Fleet, tmp_path: Path) -> StateDir:
    anchor = wire.encode({"public_key": public_bytes(fleet.root).hex()})
    provision_offline(tmp_path / "state", DEVICE, anchor, render_config(b"[windows]\ndefault_size = 3\n", []))
    return StateDir(tmp_path / "state")


def parcel(fleet: Fleet) -> bytes:
    assert isinstance(fleet.carrier, Satchel)
    return fleet.carrier.parcel()


def foreseen(place: StateDir, data: bytes) -> Foreseen:
    return Rehearsal(place, None, "1", Clock(ClockWord.SYNCED)).foresee(data)


def contents(place: StateDir) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in place.root.rglob("*") if path.is_file()}


def test_it_names_each_value_that_would_change_and_hides_secrets(fleet: Fleet, place: StateDir) -> None:
    fleet.direct(fleet.release("1.0", CONFIG))
    found = foreseen(place, parcel(fleet))
    assert (found.outcome, found.would, found.version) == (ParcelOutcome.REHEARSED, Would.UPDATE, "1.0")
    assert found.changes is not None
    assert ChangeSeen(path="/windows/default_size", now="3", then="7") in found.changes
    assert "xyz" not in str(found)


def test_nothing_is_written(fleet: Fleet, place: StateDir) -> None:
    fleet.direct(fleet.release("1.0", CONFIG))
    before = contents(place)
    foreseen(place, parcel(fleet))
    assert contents(place) == before


def test_a_strangers_order_would_be_refused(fleet: Fleet, place: StateDir) -> None:
    fleet.send(fleet.order(fleet.rule(fleet.release("1.0", CONFIG))), stranger())
    found = foreseen(place, parcel(fleet))
    assert (found.would, found.outcome) == (Would.REFUSE, ParcelOutcome.REJECTED)


def test_a_release_below_the_floor_would_be_refused(fleet: Fleet, place: StateDir) -> None:
    fleet.trust(floor=5)
    fleet.direct(fleet.release("1.0", CONFIG))
    found = foreseen(place, parcel(fleet))
    assert (found.would, "floor" in found.said) == (Would.REFUSE, True)


def test_a_bundle_that_is_not_there_is_named(fleet: Fleet, place: StateDir) -> None:
    digest = Digest("ab" * 32)
    named = BundleRef(name="agent", version="1", manifest_sha256=digest, sha256=digest, size=9)
    fleet.direct(fleet.release("1.0", CONFIG, bundle=named))
    assert foreseen(place, parcel(fleet)).lacks_bundle == digest


def test_an_order_whose_release_lies_elsewhere_would_be_fetched(fleet: Fleet, place: StateDir) -> None:
    fleet.direct(fleet.release("1.0", CONFIG))
    said = wire.loads_strict(parcel(fleet), limit_bytes=wire.PARCEL_BYTES_MAX)
    found = foreseen(place, wire.encode(said | {"releases": [], "blobs": []}))
    assert (found.would, found.changes) == (Would.UPDATE, None)


def command(place: StateDir, data: bytes, *words: str) -> tuple[int, Any]:
    told = CliRunner().invoke(main, ["apply", "-", "--check", "--state-dir", str(place.root), *words], input=data)
    return told.exit_code, json.loads(told.output) if "--json" in words else told.output


def test_the_command_ends_with_3_for_a_difference_and_shows_it(fleet: Fleet, place: StateDir) -> None:
    fleet.direct(fleet.release("1.0", CONFIG))
    code, said = command(place, parcel(fleet))
    assert (code, "/windows/default_size: 3 -> 7" in said) == (Exit.AMISS, True)
    code, said = command(place, parcel(fleet), "--json")
    assert (code, said["would"]) == (Exit.AMISS, Would.UPDATE)


def test_the_command_ends_with_4_for_what_would_be_refused(place: StateDir) -> None:
    assert command(place, b"no parcel")[0] == Exit.REFUSED

"""A parcel for an agent that does not run: durable, judged the same way, and begun at the next start."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from conformance.fleet import Fleet, stranger
from conformance.parcel_subject import Satchel
from pyv_edge_agent.carried import AtRest
from pyv_edge_agent.cli import main
from pyv_edge_agent.clock import Clock
from pyv_edge_agent.disk.atomic import DiskError
from pyv_edge_agent.disk.journal import Journal
from pyv_edge_agent.disk.slots import SlotKind, Slots
from pyv_edge_agent.exits import Exit
from pyv_edge_agent.link.interface import LinkError
from pyv_edge_agent.parcel import standing, take_parcel
from pyv_edge_agent.provision import provision_offline, render_config
from pyv_edge_agent.state_dir import StateDir
from pyv_edge_agent.updater import read_memory
from pyvorin_edge import wire
from pyvorin_edge.envelope import public_bytes
from pyvorin_edge.identity import DeviceId, digest_of
from pyvorin_edge.vocabulary import Clock as ClockWord
from pyvorin_edge.vocabulary import ParcelOutcome, Phase

DEVICE = DeviceId("FLEET-0a1b2c3d4e5f")
CONFIG = b"[windows]\ndefault_size = 7\n"


@pytest.fixture
def fleet() -> Fleet:
    made = Fleet(Satchel(), DEVICE, "h:1")
    made.send_trust(1)
    return made


@pytest.fixture
def place(fleet: Fleet, tmp_path: Path) -> StateDir:
    anchor = wire.encode({"public_key": public_bytes(fleet.root).hex()})
    provision_offline(tmp_path / "state", DEVICE, anchor, render_config(None, []))
    return StateDir(tmp_path / "state")


def at_rest(place: StateDir) -> AtRest:
    return AtRest(place, place.config, "1", Clock(ClockWord.SYNCED))


def parcel(fleet: Fleet) -> bytes:
    """A directive for a new release, and all that it needs."""
    fleet.direct(fleet.release("1.0", CONFIG))
    assert isinstance(fleet.carrier, Satchel)
    return fleet.carrier.parcel()


def apply(place: StateDir, data: bytes, *words: str) -> tuple[int, Any]:
    told = CliRunner().invoke(main, ["apply", "-", "--state-dir", str(place.root), "--json", *words], input=data)
    return told.exit_code, json.loads(told.output) if told.output.startswith("{") else told.output


def test_its_orders_are_durable_and_the_update_has_begun(fleet: Fleet, place: StateDir) -> None:
    data = parcel(fleet)
    assert take_parcel(at_rest(place), data) == (200, "accepted")
    memory = read_memory(Journal(place.root))
    assert memory.directive is not None
    assert memory.trial is not None
    assert memory.trial.phase in (Phase.WAITING, Phase.FETCHING)
    assert memory.committed is not None
    assert memory.committed.release is None
    assert Slots(place.store).read(SlotKind.BLOBS, digest_of(CONFIG)) == CONFIG


def test_the_live_config_is_not_touched(fleet: Fleet, place: StateDir) -> None:
    before = place.config.read_bytes()
    take_parcel(at_rest(place), parcel(fleet))
    assert place.config.read_bytes() == before


def test_another_parcel_while_the_first_is_not_begun_counts_for_no_start(fleet: Fleet, place: StateDir) -> None:
    take_parcel(at_rest(place), parcel(fleet))
    boot = read_memory(Journal(place.root)).state.boot
    take_parcel(at_rest(place), parcel(fleet))
    assert read_memory(Journal(place.root)).state.boot == boot


def test_a_directory_that_is_no_devices_is_told(tmp_path: Path) -> None:
    with pytest.raises(LinkError, match="provision it"):
        AtRest(StateDir(tmp_path), tmp_path / "config.toml", "1", Clock())


def test_standing_says_what_is_wanted_and_what_is_there(fleet: Fleet, place: StateDir) -> None:
    device = at_rest(place)
    take_parcel(device, parcel(fleet))
    said = standing(device.device)
    assert said["wanted"] is not None
    assert said["committed"] is None


def test_the_command_says_accepted_lower_or_rejected_by_its_exit(fleet: Fleet, place: StateDir) -> None:
    first = parcel(fleet)
    second = parcel(fleet)
    code, said = apply(place, second)
    assert (code, said["outcome"], said["agent"]) == (Exit.DONE, "accepted", "at rest")
    assert apply(place, second)[0] == Exit.DONE  # in force already
    code, said = apply(place, first)
    assert (code, said["outcome"]) == (Exit.CONFLICT, "lower")
    code, said = apply(place, b"no parcel")
    assert (code, said["outcome"]) == (Exit.REFUSED, "rejected")


def test_a_parcel_signed_by_a_stranger_is_rejected_with_the_reason(fleet: Fleet, place: StateDir) -> None:
    fleet.send(fleet.order(fleet.rule(fleet.release("1.0", CONFIG))), stranger())
    assert isinstance(fleet.carrier, Satchel)
    code, said = apply(place, fleet.carrier.parcel())
    assert code == Exit.REFUSED
    assert "channel/stable" in said["said"]


def test_a_parcel_over_the_limit_is_rejected(place: StateDir) -> None:
    big = wire.encode({"v": 1, "blobs": [base64.b64encode(bytes(1024 * 1024)).decode()]})
    assert apply(place, big)[0] == Exit.REFUSED


def test_another_devices_parcel_is_not_even_looked_at(fleet: Fleet, place: StateDir) -> None:
    code, said = apply(place, parcel(fleet), "--device", "FLEET-000000000000")
    assert (code, said["outcome"], said["device_id"]) == (Exit.CONFLICT, ParcelOutcome.OTHER_DEVICE, DEVICE)
    assert read_memory(Journal(place.root)).directive is None


def test_what_the_disk_does_not_take_is_told_as_such(
    fleet: Fleet, place: StateDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Journal, parts: Any) -> None:
        raise DiskError(place.root / "state", "write", OSError(28, "No space left on device"))

    monkeypatch.setattr(Journal, "write", full)
    code, said = apply(place, parcel(fleet))
    assert (code, said["outcome"]) == (Exit.FAILED, ParcelOutcome.NOT_KEPT)
    assert "No space left" in said["said"]


def test_a_second_provisioning_changes_nothing_and_another_anchor_is_refused(place: StateDir, fleet: Fleet) -> None:
    anchor = place.trust_anchor.read_bytes()
    again = provision_offline(place.root, DEVICE, anchor, render_config(None, []))
    assert again.written == ()
    other = CliRunner().invoke(
        main,
        ["provision", "--offline", "--out", str(place.root), "--device-id", DEVICE, "--trust-anchor",
         str(_other_anchor(place))],
    )  # fmt: skip
    assert other.exit_code == Exit.FAILED
    assert "another anchor" in other.output


def _other_anchor(place: StateDir) -> Path:
    path = place.root / "other.json"
    path.write_bytes(wire.encode({"public_key": "00" * 32}))
    return path

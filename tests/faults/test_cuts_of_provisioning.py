"""The power goes while a device is provisioned without a network: done again, it is a device that starts."""

from __future__ import annotations

from pathlib import Path

from conformance.fleet import Fleet
from faults.cutting import quiet, record, start_from
from faults.machine import DEVICE, HOME, Machine, World
from faults.stories import config
from pyv_edge_agent.provision import provision_offline
from pyvorin_edge import wire
from running.tmpfs import tmp_path

__all__ = ["tmp_path"]


def test_a_device_whose_provisioning_was_cut_is_provisioned_again_and_starts(tmp_path: Path) -> None:
    world, root = World(), tmp_path / "device"
    root.mkdir(mode=0o700)
    fleet = Fleet(world.broker, DEVICE, HOME.mqtt[0])
    anchor = wire.encode({"public_key": fleet.join().trust_anchor})
    with quiet():
        recording = record(Machine(world, root), lambda: ignore(provision_offline(root, DEVICE, anchor, config(0))))
        for cut in recording.cuts.values():
            machine = start_from(cut, recording, world, tmp_path / "after")
            provision_offline(machine.root, DEVICE, anchor, config(0))
            machine.start()
            machine.until(lambda machine=machine: machine.settled_on(None), "settled as provisioned")
            assert machine.place.config.read_bytes() == config(0), cut.what
            recording.count.run += 1
    print(f"provision without a network: {recording.count}")
    assert recording.count.skipped == 0


def ignore(_: object) -> None:
    """What was written is not looked at."""

"""What a simulated device with a disk remembers is there as a real agent's journal has it, and is counted."""

from __future__ import annotations

from pathlib import Path

from pyv_edge_agent.core.memory import FILES, Memory, State, from_parts
from pyv_edge_agent.disk.journal import Journal
from pyv_fleet.simulate.kept import LIVE, Kept


def read_back(folder: Path) -> Memory:
    journal = Journal(folder)
    return from_parts({name: journal.read(name) for name in FILES.values()})


def test_what_is_remembered_is_on_disk_and_the_same_again_is_no_write(tmp_path: Path) -> None:
    disk, memory = Kept(tmp_path), Memory(directive=b"{}", state=State(boot=3))
    disk.remember(memory)
    assert read_back(tmp_path) == memory
    written = (disk.writes, disk.fsyncs)
    assert written == (1, 7)
    disk.remember(memory)
    disk.keep_live(b"a = 1")
    disk.keep_live(b"a = 1")
    assert (tmp_path / LIVE).read_bytes() == b"a = 1"
    assert (disk.writes, disk.fsyncs) == (2, written[1] + 2)


def test_one_part_costs_two_fsyncs_and_one_that_goes_costs_one(tmp_path: Path) -> None:
    disk = Kept(tmp_path)
    disk.remember(Memory(directive=b"{}"))
    before = disk.fsyncs
    disk.remember(Memory(directive=b"[]"))
    assert disk.fsyncs == before + 2
    disk.remember(Memory())
    assert disk.fsyncs == before + 3

"""The launcher's file: what is written is read, and what cannot be understood counts as none."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyv_edge_agent.core.launching import INSTALLED, Fell, Launch
from pyv_edge_agent.disk.launch_file import LAUNCH_FILE, code_of, read_launch, slot_directory, write_launch

SLOT = "a" * 64


@pytest.mark.parametrize(
    "launch",
    [Launch(), Launch(good=SLOT, trial=INSTALLED, starts=2, starts_same_boot=1, machine_boot_id="x"),
     Launch(fallen=Fell(SLOT, 4, 3))],
)  # fmt: skip
def test_what_is_written_is_read(tmp_path: Path, launch: Launch) -> None:
    write_launch(tmp_path, launch)
    assert read_launch(tmp_path) == launch


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{", b"[]", b"7", b'{"good": 7, "no": 1}', b'{"good": 7}', b'{"good": "../../etc"}', b'{"trial": [1]}',
        b'{"starts": "3"}', b'{"starts": -1}', b'{"machine_boot_id": 1}', b'{"fallen": [1]}', b'{"fallen": [1, 2, 3]}',
        b'{"fallen": ["x", 1, null]}', b"\xff", b"[" * 5000,
    ],
)  # fmt: skip
def test_what_cannot_be_understood_counts_as_none(tmp_path: Path, data: bytes) -> None:
    (tmp_path / LAUNCH_FILE).write_bytes(data)
    assert read_launch(tmp_path) == Launch()


def test_what_stands_already_is_not_written_again(tmp_path: Path) -> None:
    write_launch(tmp_path, Launch(good=SLOT))
    before = (tmp_path / LAUNCH_FILE).stat().st_mtime_ns
    write_launch(tmp_path, Launch(good=SLOT))
    assert (tmp_path / LAUNCH_FILE).stat().st_mtime_ns == before


def test_a_bundle_without_an_agent_runs_on_the_installed_code(tmp_path: Path) -> None:
    slot_directory(tmp_path, SLOT).mkdir(parents=True)
    assert code_of(tmp_path, SLOT) == INSTALLED
    package = slot_directory(tmp_path, SLOT) / "site" / "pyv_edge_agent"
    package.mkdir(parents=True)
    (package / "__main__.py").touch()
    assert code_of(tmp_path, SLOT) == SLOT

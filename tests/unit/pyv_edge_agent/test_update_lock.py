"""The update lock on disk: who holds it is known, and a file that cannot be opened holds nobody up."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pyv_edge_agent.update_lock import LockTimeout, UpdateLock, holder_at, open_lock, wait_for_lock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "update.lock"


def held_by_us(path: Path) -> int:
    descriptor = open_lock(path)
    wait_for_lock(descriptor, 0.0)
    return descriptor


def test_a_lock_that_nobody_holds_is_taken_until_it_is_let_go(path: Path) -> None:
    lock = UpdateLock(path)
    assert lock.look(take=True).ours
    assert holder_at(path) is not None
    lock.free()
    assert holder_at(path) is None


def test_looking_alone_takes_nothing(path: Path) -> None:
    seen = UpdateLock(path).look(take=False)
    assert (seen.holder, seen.ours) == (None, False)
    assert holder_at(path) is None


def test_who_holds_it_is_named(path: Path) -> None:
    descriptor = held_by_us(path)
    seen = UpdateLock(path).look(take=True)
    os.close(descriptor)
    assert seen.holder is not None
    assert f"(pid {os.getpid()})" in seen.holder
    assert not seen.ours


def test_it_ends_with_its_holder(path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from pyv_edge_agent.update_lock import *; "
        "fd = open_lock(Path(sys.argv[1])); wait_for_lock(fd, 0); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        assert UpdateLock(path).look(take=True).holder is not None
        child.kill()
        child.wait()
        assert UpdateLock(path).look(take=True).ours


def test_who_waits_for_it_is_told_who_holds_it(path: Path) -> None:
    held, other = held_by_us(path), open_lock(path)
    with pytest.raises(LockTimeout, match=f"pid {os.getpid()}"):
        wait_for_lock(other, 0.0)
    os.close(held)
    wait_for_lock(other, 0.0)
    os.close(other)


@pytest.mark.parametrize("make", ["no directory", "a link", "a link to itself"])
def test_a_file_that_cannot_be_opened_holds_nobody_up(path: Path, make: str) -> None:
    place = path
    match make:
        case "no directory":
            place = path / "below"
        case "a link":
            path.symlink_to("/nowhere")
        case _:
            path.symlink_to(path)
    assert UpdateLock(place).look(take=True).holder is None


def test_a_pipe_in_its_place_does_not_hang_the_agent(path: Path) -> None:
    os.mkfifo(path)
    assert UpdateLock(path).look(take=True).ours

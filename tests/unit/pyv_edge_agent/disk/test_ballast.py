"""Ballast: on a full disk the few words that must be durable still find room."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from pyv_edge_agent.disk.atomic import DiskError
from pyv_edge_agent.disk.ballast import BALLAST_BYTES, NAME, lay_ballast, relieved


def fills(number: int, room: Callable[[], bool]) -> Callable[[], None]:
    def act() -> None:
        if not room():
            raise DiskError(Path("word"), "write", OSError(number, "no"))

    return act


def test_it_is_laid_once(tmp_path: Path) -> None:
    assert lay_ballast(tmp_path, bytes)
    before = (tmp_path / NAME).stat()
    assert lay_ballast(tmp_path, bytes)
    assert (tmp_path / NAME).stat().st_mtime_ns == before.st_mtime_ns
    assert before.st_size == BALLAST_BYTES


def test_a_full_disk_takes_none_and_that_is_no_error(tmp_path: Path) -> None:
    assert not lay_ballast(tmp_path / "not there", bytes)


def test_it_is_given_up_for_what_must_be_durable(tmp_path: Path) -> None:
    lay_ballast(tmp_path, bytes)
    relieved(tmp_path, fills(errno.ENOSPC, lambda: not (tmp_path / NAME).exists()))
    assert not (tmp_path / NAME).exists()


@pytest.mark.parametrize(("number", "stays"), [(errno.ENOSPC, False), (errno.EROFS, True)])
def test_what_it_cannot_help_is_told(tmp_path: Path, number: int, stays: bool) -> None:
    lay_ballast(tmp_path, bytes)
    with pytest.raises(DiskError):
        relieved(tmp_path, fills(number, lambda: False))
    assert (tmp_path / NAME).exists() is stays

"""What the kernel tells of a directory comes whole, and what it cannot do is an OSError."""

from __future__ import annotations

import select
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyv_edge_agent.inotify import Inotify, Mask, Told, told_in


@pytest.fixture
def inotify() -> Iterator[Inotify]:
    made = Inotify()
    yield made
    made.close()


def test_a_file_that_is_made_and_written_is_told_by_name(inotify: Inotify, tmp_path: Path) -> None:
    inotify.watch(tmp_path, Mask.CREATE | Mask.CLOSE_WRITE | Mask.ONLYDIR)
    (tmp_path / "größe.toml").write_text("a = 1")
    assert select.select([inotify], [], [], 10)[0]
    assert inotify.read() == [Told(Mask.CREATE, "größe.toml"), Told(Mask.CLOSE_WRITE, "größe.toml")]


def test_where_nothing_happened_nothing_is_told_at_once(inotify: Inotify, tmp_path: Path) -> None:
    inotify.watch(tmp_path, Mask.CREATE)
    assert inotify.read() == []


def test_what_is_no_directory_cannot_be_watched(inotify: Inotify, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        inotify.watch(tmp_path / "file", Mask.CREATE | Mask.ONLYDIR)
    with pytest.raises(FileNotFoundError):
        inotify.watch(tmp_path / "gone", Mask.CREATE)


def test_closing_it_twice_is_no_matter() -> None:
    made = Inotify()
    made.close()
    made.close()
    assert made.closed


def test_events_of_one_read_are_told_apart() -> None:
    data = struct.pack("iIII", 1, Mask.DELETE, 0, 16) + b"a.toml".ljust(16, b"\0")
    data += struct.pack("iIII", 1, Mask.IGNORED, 0, 0)
    assert told_in(data) == [Told(Mask.DELETE, "a.toml"), Told(Mask.IGNORED, "")]

"""The harness finds what it is for: a device that forgets an fsync does not pass; the model says what a cut leaves."""

from __future__ import annotations

import os
from pathlib import Path
from unittest import mock

import pytest

from faults.enumerating import enumerate_cuts
from faults.recorder import Recorder
from faults.shadow import Image, Shadow, lay, read_image
from faults.stories import CONFIGS
from pyv_edge_agent.disk import atomic
from running.tmpfs import tmp_path

__all__ = ["tmp_path"]


def without_fsync(path: Path, data: bytes, mode: int) -> None:
    """Temp and rename alone, as many programs do."""
    beside = path.with_name(f".{path.name}.tmp")
    beside.write_bytes(data)
    os.replace(beside, path)
    atomic.sync_directory(path.parent)


def in_place(path: Path, data: bytes, mode: int) -> None:
    """Synced, and torn when the power goes."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


@pytest.mark.parametrize("careless", [without_fsync, in_place], ids=lambda one: one.__name__)
def test_files_that_are_not_written_durably_are_found(careless: object, tmp_path: Path) -> None:
    with mock.patch.object(atomic, "_replace", careless), pytest.raises(AssertionError, match="power gone at"):
        enumerate_cuts(CONFIGS[0], tmp_path)


def test_directories_that_are_not_synced_are_found(tmp_path: Path) -> None:
    with mock.patch.object(atomic, "sync_directory"), pytest.raises(AssertionError, match="power gone at"):
        enumerate_cuts(CONFIGS[0], tmp_path)


def test_every_step_of_a_replaced_file_is_seen_and_what_each_may_leave(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "file").write_bytes(b"old")
    seen: dict[str, set[bytes | None]] = {}

    def before(what: str, shadow: Shadow) -> None:
        kind = " ".join(what.split(" ")[:2]) if what.startswith("half") else what.split(" ")[0]
        found = seen.setdefault(kind, set())
        found.update(content_of(image, "file") for _, image in shadow.left())

    with Recorder(root, before) as recorder:
        atomic.write_durably(root / "file", b"new!")
    before("end", recorder.shadow)
    assert list(seen) == ["create", "fchmod", "write", "half of", "fsync", "rename", "end"]
    assert all(left <= {b"old", b"new!"} for left in seen.values())
    assert seen["rename"] == {b"old"}
    assert seen["end"] == {b"new!"}
    assert recorder.shadow.now() == read_image(root)


def test_an_image_is_laid_as_it_was_read(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "inner").mkdir(parents=True)
    (root / "inner" / "file").write_bytes(b"bytes")
    (root / "link").symlink_to("inner")
    image = read_image(root)
    lay(image, tmp_path / "copy")
    assert read_image(tmp_path / "copy") == image


def content_of(image: Image, path: str) -> bytes | None:
    """A file's bytes; none if it is not there."""
    return next((entry.data for entry in image if entry.path == path), None)

"""A bundle is there whole, under its own digest, or not at all."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from pyv_fleet.store.bundle_files import BundleFiles

DATA = b"an archive"
NAME = hashlib.sha256(DATA).hexdigest()


def test_pieces_become_a_bundle(tmp_path: Path) -> None:
    files = BundleFiles(tmp_path / "bundles", 100)
    files.append(NAME, 0, DATA[:4])
    assert (files.received(NAME), files.size_of(NAME), files.open(NAME)) == (4, None, None)
    files.append(NAME, 4, DATA[4:])
    assert files.complete(NAME)
    assert (files.received(NAME), files.size_of(NAME)) == (0, len(DATA))
    found = files.open(NAME)
    assert found is not None
    with found:
        assert found.read() == DATA


def test_a_piece_that_comes_twice_counts_once(tmp_path: Path) -> None:
    files = BundleFiles(tmp_path, 100)
    files.append(NAME, 0, DATA[:6])
    files.append(NAME, 4, DATA[4:])
    assert files.complete(NAME)


def test_another_content_leaves_nothing(tmp_path: Path) -> None:
    files = BundleFiles(tmp_path, 100)
    files.append(NAME, 0, b"something else")
    assert not files.complete(NAME)
    assert not any(tmp_path.iterdir())


def test_uploads_that_were_given_up_are_removed(tmp_path: Path) -> None:
    files = BundleFiles(tmp_path, 100)
    files.append(NAME, 0, DATA)
    files.complete(NAME)
    for name in ("aa" * 32, "bb" * 32):
        files.append(name, 0, DATA)
    os.utime(tmp_path / f"{'aa' * 32}.part", (1, 1))
    files.forget_parts(1000.0)
    assert [files.received(name) for name in ("aa" * 32, "bb" * 32)] == [0, len(DATA)]
    assert files.size_of(NAME) == len(DATA)


@pytest.mark.parametrize("name", ["", "..", "../fleet.db", "AB" * 32, "ab" * 31])
def test_no_other_file_can_be_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError):
        BundleFiles(tmp_path, 100).size_of(name)

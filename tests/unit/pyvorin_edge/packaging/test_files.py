"""Single files are read within a limit and replaced whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyvorin_edge.packaging.errors import BundleError
from pyvorin_edge.packaging.files import read_limited, write_durably


def test_what_was_written_is_read(tmp_path: Path) -> None:
    write_durably(tmp_path / "f", [b"a", b"b"])
    assert read_limited(tmp_path / "f", 2) == b"ab"


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"old")

    def broken() -> object:
        yield b"new"
        raise OSError("no more")

    with pytest.raises(OSError, match="no more"):
        write_durably(tmp_path / "f", broken())  # type: ignore[arg-type]
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("f", b"old")]


def test_more_than_the_limit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc")
    with pytest.raises(BundleError, match="more than 2 bytes"):
        read_limited(tmp_path / "f", 2)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc")
    (tmp_path / "l").symlink_to("f")
    with pytest.raises(BundleError, match="link"):
        read_limited(tmp_path / "l", 10)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"f: .*gone"):
        read_limited(tmp_path / "f", 10)

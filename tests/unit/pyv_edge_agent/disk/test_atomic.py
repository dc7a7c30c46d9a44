"""Files are whole or not there; what cannot be written leaves the old one and says so."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from pyv_edge_agent.disk import atomic
from pyv_edge_agent.disk.atomic import (
    ASIDE_MAX,
    DiskError,
    mode_of,
    move_aside,
    read_bytes,
    remove_durably,
    write_durably,
)


def test_a_file_is_replaced_whole_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_bytes(b"old")
    write_durably(path, b"new")
    assert path.read_bytes() == b"new"
    assert mode_of(path) == 0o600
    assert [left.name for left in tmp_path.iterdir()] == ["state"]


def test_a_full_disk_leaves_the_old_file_and_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state"
    path.write_bytes(b"old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(atomic.os, "fsync", full)
    with pytest.raises(DiskError, match="No space left on device") as seen:
        write_durably(path, b"new")
    assert seen.value.errno == errno.ENOSPC
    assert str(path) in str(seen.value)
    assert path.read_bytes() == b"old"
    assert [left.name for left in tmp_path.iterdir()] == ["state"]


def test_a_directory_that_is_none_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DiskError, match="Not a directory"):
        write_durably(tmp_path / "file" / "state", b"new")
    with pytest.raises(DiskError, match="cannot make the directory"):
        atomic.private_dir(tmp_path / "file" / "below")


def test_the_name_of_a_directory_that_is_made_is_synced_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(atomic, "sync_directory", synced.append)
    for _ in range(2):
        atomic.private_dir(tmp_path / "store" / "blobs")
    assert synced == [tmp_path, tmp_path / "store"]


def test_the_bytes_are_synced_before_the_name_and_the_directory_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    acts: list[str] = []
    sync, replace = os.fsync, os.replace

    def tell_sync(descriptor: int) -> None:
        acts.append("directory" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "file")
        sync(descriptor)

    def tell_replace(old: str, new: str) -> None:
        acts.append("rename")
        replace(old, new)

    monkeypatch.setattr(atomic.os, "fsync", tell_sync)
    monkeypatch.setattr(atomic.os, "replace", tell_replace)
    write_durably(tmp_path / "state", b"new")
    assert acts == ["file", "rename", "directory"]


def test_a_symbolic_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_durably(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_what_is_set_aside_never_covers_what_was_set_aside_before(tmp_path: Path) -> None:
    names = []
    for content in (b"1", b"2"):
        (tmp_path / "state").write_bytes(content)
        names.append(move_aside(tmp_path / "state", "corrupt").name)
    assert names == ["state.corrupt", "state.corrupt-2"]


def test_removing_and_reading_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    remove_durably(tmp_path / "state")
    assert read_bytes(tmp_path / "state") is None


def test_what_a_power_cut_left_half_written_is_swept_away(tmp_path: Path) -> None:
    (tmp_path / ".state.abc.tmp").write_bytes(b"half")
    (tmp_path / "state").write_bytes(b"whole")
    atomic.sweep_temporaries(tmp_path)
    assert [left.name for left in tmp_path.iterdir()] == ["state"]


def test_a_card_that_breaks_a_file_for_years_does_not_fill_up_with_them(tmp_path: Path) -> None:
    for number in range(3 * ASIDE_MAX):
        (tmp_path / "state").write_bytes(b"%d" % number)
        last = move_aside(tmp_path / "state", "corrupt")
    assert len(list(tmp_path.iterdir())) == ASIDE_MAX
    assert last.read_bytes() == b"%d" % (3 * ASIDE_MAX - 1)


def test_links_that_go_round_are_a_fault_of_the_disk_like_others(tmp_path: Path) -> None:
    (tmp_path / "state").symlink_to(tmp_path / "state")
    with pytest.raises(DiskError, match="cannot write"):
        write_durably(tmp_path / "state", b"new")

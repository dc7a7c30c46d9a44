"""Files whole or not at all."""

from pathlib import Path

import pytest

from pyv_fleet.durable import append_durably, private_dir, write_durably


def test_a_file_is_replaced_and_is_its_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "key"
    write_durably(file, b"old")
    write_durably(file, b"new")
    assert file.read_bytes() == b"new"
    assert file.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["key"]


def test_a_failed_write_leaves_the_old_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "taken"
    file.mkdir()
    with pytest.raises(OSError):
        write_durably(file, b"new")
    assert [each.name for each in tmp_path.iterdir()] == ["taken"]


def test_a_private_directory_is_closed_to_others_even_if_it_was_open(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert private_dir(tmp_path).stat().st_mode & 0o777 == 0o700


def test_what_is_appended_stands_after_what_was_there_and_makes_the_file_at_first(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "known_hosts"
    append_durably(file, b"one\n")
    append_durably(file, b"two\n")
    assert file.read_bytes() == b"one\ntwo\n"
    assert file.stat().st_mode & 0o777 == 0o600

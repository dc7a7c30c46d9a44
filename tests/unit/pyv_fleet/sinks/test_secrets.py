"""Secrets of sinks stand in files of their owner's alone, or in the environment; errors name the place."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyv_fleet.sinks.interface import NotTaken
from pyv_fleet.sinks.secrets import Secret


def test_a_file_is_read_anew_each_time(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.touch(0o600)
    for text in ("one", "two"):
        path.write_text(text + "\n")
        assert Secret(file=path).read() == text


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_text("hunter2")
    path.chmod(0o640)
    with pytest.raises(NotTaken, match="chmod 600") as caught:
        Secret(file=path).read()
    assert "hunter2" not in str(caught.value)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotTaken, match="nowhere: No such file"):
        Secret(file=tmp_path / "nowhere").read()
    with pytest.raises(NotTaken, match="variable HOOK"):
        Secret(variable="HOOK").read({})


def test_a_secret_of_other_letters_is_refused_unseen(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.touch(0o600)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(NotTaken, match="no secret"):
        Secret(file=path).read()


def test_the_environment_holds_one_too() -> None:
    assert Secret(variable="HOOK").read({"HOOK": " x "}) == "x"
    assert bool(Secret(variable="HOOK"))
    assert not Secret()

"""The file of a push: durable line by line, one push's at a time, whole again after a cut."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyv_fleet.core.push import HostResult, PushError
from pyv_fleet.core.push_record import Subject
from pyv_fleet.core.words import HostState
from pyv_fleet.push_file import PushFile

SUBJECT = Subject(generations={"stable": 7})


def test_what_was_noted_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    first = PushFile(tmp_path / "record", SUBJECT)
    first.note(HostResult(host="a", state=HostState.COMMITTED))
    first.note_proved()
    first.close()
    again = PushFile(tmp_path / "record", SUBJECT)
    assert (again.record.results["a"].state, again.record.proved) == (HostState.COMMITTED, True)
    again.close()


def test_a_line_that_was_cut_off_is_forgotten_and_the_next_one_stands_whole(tmp_path: Path) -> None:
    path = tmp_path / "record"
    PushFile(path, SUBJECT).close()
    with path.open("ab") as file:
        file.write(b'{"result":{"host":"a"')
    again = PushFile(path, SUBJECT)
    again.note(HostResult(host="b", state=HostState.COMMITTED))
    again.close()
    third = PushFile(path, SUBJECT)
    assert set(third.record.results) == {"b"}
    third.close()


def test_two_pushes_never_share_one(tmp_path: Path) -> None:
    first = PushFile(tmp_path / "record", SUBJECT)
    with pytest.raises(PushError, match="another push runs"):
        PushFile(tmp_path / "record", SUBJECT)
    first.close()


def test_a_file_of_something_else_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    path.write_text("my notes\n")
    with pytest.raises(PushError, match="no record of a push"):
        PushFile(path, SUBJECT)
    assert path.read_text() == "my notes\n"

"""Parts are durable together, written only when they changed, and never guessed at."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyv_edge_agent.disk import journal as module
from pyv_edge_agent.disk.journal import Journal

PARTS = st.dictionaries(
    st.sampled_from(["state", "trial", "committed", "trust/1", "trust/2"]), st.none() | st.binary(max_size=40)
)


class PowerCut(Exception):
    """Whatever was not done by now is not done."""


def test_what_was_written_is_read_by_the_next_start(tmp_path: Path) -> None:
    Journal(tmp_path).write({"state": b"{}", "trust/1": b"root", "trial": None})
    again = Journal(tmp_path)
    assert (again.read("state"), again.read("trust/1"), again.read("trial")) == (b"{}", b"root", None)
    assert (tmp_path / "state").stat().st_mode & 0o077 == 0


def test_only_what_changed_is_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    assert journal.write({"state": b"1", "trial": b"1"}) == ("state", "trial")
    before = (tmp_path / "trial").stat().st_mtime_ns
    assert journal.write({"state": b"2", "trial": b"1"}) == ("state",)
    assert (tmp_path / "trial").stat().st_mtime_ns == before
    assert journal.write({"state": b"2", "trial": b"1"}) == ()


def test_a_flipped_bit_is_found_and_the_file_set_aside(tmp_path: Path) -> None:
    Journal(tmp_path).write({"state": b'{"boot":7}'})
    path = tmp_path / "state"
    path.write_bytes(path.read_bytes().replace(b"7", b"8"))
    journal = Journal(tmp_path)
    assert journal.read("state") is None
    assert [found.name for found in journal.broken] == ["state.corrupt"]
    assert journal.write({"state": b"anew"}) == ("state",)
    assert Journal(tmp_path).read("state") == b"anew"


@pytest.mark.parametrize("content", [b"", b"x", b"\n", b"{}", b"0" * 66])
def test_a_file_of_another_form_is_set_aside(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "state").write_bytes(content)
    assert Journal(tmp_path).read("state") is None


@pytest.mark.parametrize("name", ["../state", "/state", "a/b/c", ".hidden", "trust/.x", ""])
def test_a_name_cannot_leave_the_directory(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="no name of a part"):
        Journal(tmp_path).write({name: b"x"})


@settings(max_examples=60, deadline=None)
@given(before=PARTS, after=PARTS, cut=st.integers(0, 12))
def test_parts_that_change_together_are_all_new_or_all_old_after_a_power_cut(
    before: dict[str, bytes | None], after: dict[str, bytes | None], cut: int
) -> None:
    names = before.keys() | after.keys()
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        journal = Journal(Path(place))
        journal.write(before)
        left = iter(range(cut))
        for name in ("write_durably", "remove_durably"):
            patch.setattr(module, name, _until_cut(getattr(module, name), left))
        with contextlib.suppress(PowerCut):
            journal.write(after)
        patch.undo()
        again = Journal(Path(place))
        found = {name: again.read(name) for name in names}
    old = {name: before.get(name) for name in names}
    new = {**old, **after}
    assert found in (old, new)


def test_a_write_that_a_full_disk_broke_off_does_not_come_back_over_a_later_one(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.write({"state": b"1", "trial": b"1"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "write_durably", _until_cut(module.write_durably, iter(range(2))))
        with pytest.raises(PowerCut):
            journal.write({"trial": b"2", "state": b"2"})  # `pending` and `trial` are there, `state` is not
    journal.write({"trial": b"2", "state": b"2 again"})
    journal.write({"trial": b"2", "state": b"3"})
    assert Journal(tmp_path).read("state") == b"3"


def _until_cut(act: Any, left: Any) -> Any:
    def acting(*words: Any) -> None:
        if next(left, None) is None:
            raise PowerCut
        act(*words)

    return acting

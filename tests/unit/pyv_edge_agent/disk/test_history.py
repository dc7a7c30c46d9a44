"""The history on disk: bounded, whole after torn lines, and never in an update's way."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from pyv_edge_agent.core.events import Now
from pyv_edge_agent.core.history import Line
from pyv_edge_agent.disk.history import CURRENT, EARLIER, History, read_history
from pyvorin_edge.vocabulary import Happening


def line(text: str = "x", kind: Happening = Happening.RESULT) -> Line:
    return Line(at=1, synced=True, boot=1, uptime_seconds=0.0, kind=kind, text=text)


def test_what_is_appended_is_read_back_in_order_and_numbered_over_restarts(tmp_path: Path) -> None:
    History(tmp_path).append((line("a"), line("b")), durably=True)
    History(tmp_path).append((line("c"),), durably=False)
    told = read_history(tmp_path)
    assert [(one.n, one.text) for one in told.lines] == [(1, "a"), (2, "b"), (3, "c")]
    assert (tmp_path / CURRENT).stat().st_mode & 0o777 == 0o600


def test_two_files_bound_it_and_the_newest_lines_stay(tmp_path: Path) -> None:
    history = History(tmp_path, file_bytes_max=1000)
    for number in range(100):
        history.append((line(str(number)),), durably=False)
    told = read_history(tmp_path)
    assert told.lines[-1].text == "99"
    assert 5 < len(told.lines) < 30
    assert [one.n for one in told.lines] == list(range(told.lines[0].n, 101))
    assert sum((tmp_path / name).stat().st_size for name in (CURRENT, EARLIER) if (tmp_path / name).exists()) < 2500


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_torn_last_line_is_passed_over_and_swallows_nothing(tmp_path: Path, cut: int) -> None:
    History(tmp_path).append((line("a"), line("b")), durably=False)
    data = (tmp_path / CURRENT).read_bytes()
    (tmp_path / CURRENT).write_bytes(data[:-cut])
    History(tmp_path).append((line("c"),), durably=False)
    told = read_history(tmp_path)
    assert [one.text for one in told.lines if one.text != "b"] == ["a", "c"]
    assert told.passed_over == (0 if any(one.text == "b" for one in told.lines) else 1)


def test_a_flapping_kind_is_thinned_over_restarts_too(tmp_path: Path) -> None:
    for _ in range(100):
        History(tmp_path).append((line(kind=Happening.ONLINE),), durably=False)
    assert len(read_history(tmp_path).lines) == 30


def test_a_full_disk_is_counted_and_logged_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*args: Any) -> int:
        raise OSError(28, "No space left on device")

    history = History(tmp_path)
    history.append((line("a"),), durably=False)
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        history.append((line("b"),), durably=True)
        history.append((line("c"),), durably=True)
    history.append((line("d"),), durably=True)
    assert history.failed == 2
    assert caplog.text.count("No space left") == 1
    assert [one.text for one in read_history(tmp_path).lines] == ["a", "d"]


def test_only_what_settles_is_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[int] = []
    monkeypatch.setattr(os, "fsync", flushed.append)
    history = History(tmp_path)
    history.append((line(),), durably=False)
    assert flushed == []
    history.append((line(),), durably=True)
    assert len(flushed) == 1


def test_a_history_that_cannot_be_kept_at_all_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / CURRENT).mkdir()
    history = History(tmp_path)
    history.note("no device", "nor this", Now(0, True, 0.0))  # type: ignore[arg-type]
    assert history.failed == 1
    assert read_history(tmp_path / "nowhere").lines == ()

"""Replay reads a file line by line, counts a bad line, and goes on after it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pyv_edge_agent.sensors.interface import SensorError, SensorReading
from pyv_edge_agent.sensors.replay import FileReplayAdapter


def replaying(path: Path, *lines: str, repeat: bool = False) -> FileReplayAdapter:
    path.write_text("".join(f"{line}\n" for line in lines))
    adapter = FileReplayAdapter({"name": "f", "path": str(path), "unit": "C", "repeat": repeat}, clock=lambda: 9.0)
    adapter.start()
    return adapter


def test_each_line_is_one_reading(tmp_path: Path) -> None:
    adapter = replaying(tmp_path / "f", '{"value": 1}', '{"value": "on", "metadata": {"k": 2}}')
    first, second, third = adapter.read(), adapter.read(), adapter.read()
    assert first is not None
    assert second is not None
    assert (first.value, first.unit, first.timestamp) == (1, "C", 9.0)
    assert (second.value, second.metadata) == ("on", {"k": 2})
    assert third is None
    assert adapter.connected
    adapter.stop()


def test_it_begins_anew_only_when_told_to(tmp_path: Path) -> None:
    adapter = replaying(tmp_path / "f", '{"value": 1}', repeat=True)
    assert [reading.value for _ in range(3) if (reading := adapter.read())] == [1, 1, 1]
    adapter.stop()


@pytest.mark.parametrize(
    "line", ["no json", "[1]", "{}", '{"value": {}}', '{"value": 1, "metadata": 2}', "[" * 5000, "{" + " " * 70_000]
)
def test_a_bad_line_is_counted_and_passed_over(tmp_path: Path, line: str) -> None:
    adapter = replaying(tmp_path / "f", line, "", '{"value": 2}')
    after = adapter.read()
    assert after is not None
    assert (after.value, adapter.refused, adapter.connected) == (2, 1, True)
    adapter.stop()


def test_a_file_without_any_reading_is_a_failure_also_when_it_repeats(tmp_path: Path) -> None:
    adapter = replaying(tmp_path / "f", *["nonsense"] * 150, repeat=True)
    assert adapter.read() is None
    with pytest.raises(SensorError, match=r"no line of .* is a reading \(150 were tried\)"):
        adapter.read()
    assert not adapter.connected
    adapter.stop()


def test_csv_has_its_columns_by_name(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text(
        '\ufeffat, temp ,room\n2026-01-01T00:00:00Z,21.5,"a, b"\n5,,x\nbad\n6,on,\n', encoding="utf-8"
    )
    device = {
        "name": "f", "path": str(tmp_path / "f.csv"), "value_column": "temp", "timestamp_column": "at",
        "metadata_columns": ["room"], "timestamps": "recorded",
    }  # fmt: skip
    adapter = FileReplayAdapter(device, clock=lambda: 9.0)
    adapter.start()
    first, second, third = adapter.read(), adapter.read(), adapter.read()
    assert first == SensorReading("f", 1767225600.0, 21.5, "", {"room": "a, b"})
    assert second == SensorReading("f", 6.0, "on", "", {"room": None})
    assert (third, adapter.refused) == (None, 2)
    adapter.stop()


def test_a_csv_without_its_column_says_so(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("at,temp\n1,2\n")
    adapter = FileReplayAdapter({"name": "f", "path": str(tmp_path / "f.csv")}, clock=lambda: 9.0)
    with pytest.raises(SensorError, match="its header has no column 'value'"):
        adapter.start()


def test_as_recorded_the_gaps_are_kept_at_the_given_speed(tmp_path: Path) -> None:
    now = 100.0
    path = tmp_path / "f"
    path.write_text('{"value": 1, "timestamp": 1000}\n{"value": 2, "timestamp": 1020}\n')
    device = {"name": "f", "path": str(path), "pace": "recorded", "speed": 10.0, "repeat": True}
    adapter = FileReplayAdapter(device, clock=lambda: 7.0, monotonic=lambda: now)
    adapter.start()
    seen = []
    for now in (100.0, 101.0, 102.0, 102.5):  # noqa: B007 - the adapter reads it
        reading = adapter.read()
        seen.append(None if reading is None else (reading.value, reading.timestamp))
    assert seen == [(1, 7.0), None, (2, 7.0), (1, 7.0)]
    adapter.stop()


def test_what_is_no_plain_file_is_refused_rather_than_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    adapter = FileReplayAdapter({"name": "f", "path": str(tmp_path / "pipe")}, clock=lambda: 0.0)
    with pytest.raises(SensorError, match="is no plain file"):
        adapter.start()


def test_a_missing_file_is_told_and_can_be_tried_again(tmp_path: Path) -> None:
    adapter = FileReplayAdapter({"name": "f", "path": str(tmp_path / "later")}, clock=lambda: 0.0)
    with pytest.raises(SensorError, match="cannot open"):
        adapter.start()
    (tmp_path / "later").write_text('{"value": 1}\n')
    adapter.start()
    assert adapter.failure is None
    adapter.stop()


def test_an_empty_file_that_repeats_gives_nothing(tmp_path: Path) -> None:
    adapter = replaying(tmp_path / "f", repeat=True)
    assert adapter.read() is None
    adapter.stop()

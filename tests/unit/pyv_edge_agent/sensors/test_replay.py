"""Replay reads a file line by line, names a bad line, and goes on after it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyv_edge_agent.sensors.interface import SensorError
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


@pytest.mark.parametrize("line", ["no json", "[1]", "{}", '{"value": {}}', '{"value": 1, "metadata": 2}', "[" * 5000])
def test_a_bad_line_is_named_and_passed_over(tmp_path: Path, line: str) -> None:
    adapter = replaying(tmp_path / "f", line, '{"value": 2}')
    with pytest.raises(SensorError, match="line 1"):
        adapter.read()
    assert not adapter.connected
    after = adapter.read()
    assert after is not None
    assert adapter.connected
    adapter.stop()


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

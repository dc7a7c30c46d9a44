"""What a config may say about windows."""

from __future__ import annotations

from typing import Any

import pytest

from pyvorin_edge.config.document import problems, with_defaults


def wrong(windows: dict[str, Any], sensors: int = 1) -> list[str]:
    patch = {"windows": windows, "sensors": {"devices": [{"name": f"t{index}"} for index in range(sensors)]}}
    return [str(problem) for problem in problems(with_defaults(patch))]


def test_windows_of_readings_and_of_seconds_are_valid() -> None:
    named = [
        {"name": "a"},
        {"name": "b", "size": 10, "mode": "sliding", "every": 5, "aggregates": ["mean", "p95"]},
        {"name": "c", "seconds": 60.0, "aggregates": ["rate"]},
    ]
    assert wrong({"default_size": 20, "named": named}) == []


@pytest.mark.parametrize(
    ("window", "sentence"),
    [
        ({}, "/windows/named/0/name: is missing"),
        ({"name": "a", "size": 1, "seconds": 1}, "/windows/named/0/seconds: either size or seconds"),
        ({"name": "a", "every": 2}, "/windows/named/0/every: only with mode"),
        ({"name": "a", "aggregates": ["avg"]}, "/windows/named/0/aggregates/0: must be count"),
        ({"name": "a", "mode": "jumping"}, "/windows/named/0/mode: must be tumbling or sliding"),
    ],
)
def test_each_fault_is_named_by_its_field(window: dict[str, Any], sentence: str) -> None:
    found = wrong({"named": [window]})
    assert any(line.startswith(sentence) for line in found), found


def test_memory_of_all_windows_together_is_bounded() -> None:
    named = [{"name": "a", "size": 400_000}, {"name": "b", "seconds": 5}]
    assert wrong({"named": named}, sensors=2) == []
    assert wrong({"named": named}, sensors=3) == [
        "/windows/named/0: with this one all windows would keep 1200000 readings, at most 1000000 may be",
        "/windows/named/1: with this one all windows would keep 1230000 readings, at most 1000000 may be",
    ]

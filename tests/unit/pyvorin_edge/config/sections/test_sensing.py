"""What a config may say about sensors, windows, rules and policies."""

from __future__ import annotations

from typing import Any

import pytest

from pyvorin_edge.config.document import problems, with_defaults


def wrong(patch: dict[str, Any]) -> list[str]:
    return [str(problem) for problem in problems(with_defaults(patch))]


@pytest.mark.parametrize(
    ("patch", "sentence"),
    [
        ({"rules": [{}]}, "/rules: rules are not built yet"),
        ({"sensors": {"devices": [{}]}}, "/sensors/devices/0/name: is missing"),
        ({"sensors": {"devices": [{"name": ""}]}}, "/sensors/devices/0/name: must not be empty"),
        ({"sensors": {"devices": [{"name": "a"}, {"name": "a"}]}}, "/sensors/devices/1/name: the same name"),
        ({"sensors": {"devices": [{"name": "a", "ingest_type": "mqtt"}]}}, "/sensors/devices/0/ingest_type: 'mqtt' is"),
        ({"sensors": {"devices": [{"name": "a", "ingest_type": "file"}]}}, "/sensors/devices/0/path: is missing"),
        ({"sensors": {"devices": [{"name": "a", "path": "x"}]}}, "/sensors/devices/0/path: only"),
        ({"sensors": {"devices": [0, {"name": "a", "repeat": True}]}}, "/sensors/devices/1/repeat: only"),
        ({"sensors": {"poll_interval_seconds": 0}}, "/sensors/poll_interval_seconds: must be above 0"),
    ],
)  # fmt: skip
def test_each_fault_is_named_by_its_field(patch: dict[str, Any], sentence: str) -> None:
    assert any(line.startswith(sentence) for line in wrong(patch)), wrong(patch)

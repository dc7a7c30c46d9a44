"""Reports, beats and presence: they fit their limits, read back, and what a store could not hold is refused."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from pyvorin_edge import wire
from pyvorin_edge.errors import WireError
from pyvorin_edge.report import PATHS_MAX, Beat, Presence, Report, Response

REPORT: dict[str, Any] = {
    "v": 1,
    "device_id": "FLEET-0a1b2c3d4e5f",
    "incarnation": 1,
    "boot": 1,
    "boot_id": "b" * 32,
    "conn": 1,
    "seq": 1,
    "at": 1_700_000_000_000,
    "clock": "synced",
    "agent_version": "0.1.0",
    "speaks": [1],
    "caps": [],
    "channel": "stable",
    "epoch": 1,
    "generation": 2**63 - 1,
    "number": 1,
    "trust": 1,
    "running": {
        "release": "a" * 64,
        "version": "1.0",
        "config_hash": "b" * 64,
        "effective_hash": "c" * 64,
        "form": "sorted-json-1",
    },
    "target": {"release": "a" * 64, "overlay": "d" * 64, "attempt": 1},
    "phase": "settled",
    "waiting_for": None,
    "result": None,
    "drift": {"standing": "in_step"},
    "refused": None,
    "floor": 0,
    "health": {"status": "healthy", "metrics": {"cpu_percent": 1.5}},
}
BEAT: dict[str, Any] = {"b": 1, "c": 1, "s": 2, "of": 1, "m": [1.5, 20.0, 30.0, None, 0]}
PRESENCE: dict[str, Any] = {"state": "online", "device_id": "demo-1", "boot": 1, "boot_id": "x", "conn": 1, "at": 1}
RESPONSE: dict[str, Any] = {
    "v": 1,
    "request_id": "r1",
    "device_id": "demo-1",
    "outcome": "done",
    "code": None,
    "body": {},
}
KINDS = [(Report, REPORT), (Beat, BEAT), (Presence, PRESENCE), (Response, RESPONSE)]


def read(kind: Any, value: Any) -> Any:
    return wire.decode(json.dumps(value).encode(), kind, limit_bytes=wire.REPORT_BYTES_MAX)


@pytest.mark.parametrize(("kind", "value"), KINDS)
def test_it_reads_back_as_it_was_written(kind: Any, value: dict[str, Any]) -> None:
    said = read(kind, value)
    assert wire.decode(wire.encode(said), kind, limit_bytes=wire.REPORT_BYTES_MAX) == said


@pytest.mark.parametrize(("kind", "value"), KINDS)
def test_a_missing_field_is_named(kind: Any, value: dict[str, Any]) -> None:
    for field in value:
        with pytest.raises(WireError, match=f"`{field}`"):
            read(kind, {key: one for key, one in value.items() if key != field})


@pytest.mark.parametrize(("kind", "value"), KINDS)
@pytest.mark.parametrize("number", [-1, 2**63, 10**30, 1.5, True])
def test_a_number_that_no_store_could_hold_is_refused(kind: Any, value: dict[str, Any], number: Any) -> None:
    for field, one in value.items():
        if isinstance(one, int) and field != "v":
            with pytest.raises(WireError, match=rf"\$\.{field}"):
                read(kind, value | {field: number})


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"phase": "dancing"}, "phase"),
        ({"clock": None}, "clock"),
        ({"boot_id": "x" * 513}, "boot_id"),
        ({"health": [1]}, "health"),
        ({"drift": {"standing": "in_step", "paths": ["/a"] * (PATHS_MAX + 1)}}, "paths"),
        ({"v": 2}, "v"),
    ],
)
def test_a_wrong_field_is_named(changed: dict[str, Any], named: str) -> None:
    with pytest.raises(WireError, match=named):
        read(Report, REPORT | changed)


def test_a_beat_of_another_length_is_refused() -> None:
    for measured in ([], [1.0] * 4, [1.0] * 6, [1.0, 2.0, 3.0, 4.0, 1.5], ["1", 2.0, 3.0, 4.0, 5]):
        with pytest.raises(WireError, match="m"):
            read(Beat, BEAT | {"m": measured})


def test_a_report_with_all_that_it_can_say_stays_below_its_limit() -> None:
    full = read(Report, REPORT | {"drift": {"standing": "drifted", "paths": ["/" + "p" * 255] * PATHS_MAX}})
    assert len(wire.encode(full)) < wire.REPORT_BYTES_MAX
    assert len(msgspec.json.encode(read(Report, REPORT))) < 1400

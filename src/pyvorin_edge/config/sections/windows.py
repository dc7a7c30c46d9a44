"""`windows`: how many readings are looked at together, and what is made of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pyvorin_edge.config.problem import Problem
from pyvorin_edge.config.sections.bounds import SECONDS_MAX
from pyvorin_edge.config.sections.sensors import devices_of
from pyvorin_edge.config.shapes import REQUIRED, ListOf, Number, Table, Text
from pyvorin_edge.patterns import matches
from pyvorin_edge.vocabulary import Aggregate, WindowMode

#: What a window of seconds keeps at most; what is older goes early.
TIMED_READINGS_MAX: Final = 10_000
#: What all windows of a device keep at most, 16 bytes each.
READINGS_MAX: Final = 1_000_000

_NAMED: Final = Table(
    keys={
        "name": Text(default=REQUIRED, nonempty=True, longest=64, means="Stands in the names of what it derives."),
        "sensor_pattern": Text(default="*", nonempty=True, longest=256, means="Which sensors have it, each its own."),
        "mode": Text(
            default=WindowMode.TUMBLING.value,
            words=tuple(WindowMode),
            means="Fill and start empty, or always the newest.",
        ),
        "size": Number(whole=True, least=1, most=1_000_000, means="How many readings. Either this or `seconds`."),
        "seconds": Number(above=0, most=SECONDS_MAX, means="Readings of how long."),
        "every": Number(whole=True, least=1, most=1_000_000, means="A sliding one speaks after so many readings."),
        "aggregates": ListOf(
            item=Text(words=tuple(Aggregate)),
            most=len(Aggregate),
            means="Each is sent as a reading `SENSOR.WINDOW.AGGREGATE`.",
        ),
    }
)
WINDOWS: Final = Table(
    keys={
        "default_size": Number(
            default=60,
            whole=True,
            least=1,
            most=1_000_000,
            means="Readings that a rule looks at, if it names no window; and those of a named window without a size.",
        ),
        "named": ListOf(item=_NAMED, most=64, unique="name"),
    }
)


def problems(document: dict[str, Any], substituted: bool) -> Iterator[Problem]:
    """What the table cannot say: keys that exclude each other, and how much memory all windows may take."""
    windows = document.get("windows")
    named = windows.get("named") if isinstance(windows, dict) else None
    kept = 0
    for index, window in enumerate(named if isinstance(named, list) else []):
        if not isinstance(window, dict):
            continue
        here = f"/windows/named/{index}"
        if "size" in window and "seconds" in window:
            yield Problem(f"{here}/seconds", "either size or seconds, not both")
        if "every" in window and window.get("mode") != WindowMode.SLIDING:
            yield Problem(f"{here}/every", 'only with mode = "sliding": a tumbling window speaks when it is full')
        kept += _kept(window, windows, document)
        if kept > READINGS_MAX:
            yield Problem(here, f"with this one all windows would keep {kept} readings, at most {READINGS_MAX} may be")


def _kept(window: dict[str, Any], windows: Any, document: dict[str, Any]) -> int:
    size = TIMED_READINGS_MAX if "seconds" in window else window.get("size", windows.get("default_size"))
    pattern = window.get("sensor_pattern")
    if not isinstance(size, int) or not isinstance(pattern, str):
        return 0
    names = (device.get("name") for device in devices_of(document) if isinstance(device, dict))
    return size * sum(1 for name in names if isinstance(name, str) and matches(pattern, name))

"""`sensors`, `windows`, `rules`, `policies`: what is read, and what is made of it on the device."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pyvorin_edge.canonical import join_pointer
from pyvorin_edge.config.problem import Problem
from pyvorin_edge.config.sections.bounds import SECONDS_MAX
from pyvorin_edge.config.shapes import REQUIRED, Flag, ListOf, NotYet, Number, Table, Text

INGEST_SIMULATOR: Final = "simulator"
INGEST_FILE: Final = "file"
#: Keys of a device that only one way of ingest reads; elsewhere they would be obeyed by nobody.
_ONLY_FOR: Final = {
    **dict.fromkeys(("base", "noise", "seed", "fail_after_seconds"), INGEST_SIMULATOR),
    **dict.fromkeys(("path", "repeat"), INGEST_FILE),
}

_SENSOR: Final = Table(
    keys={
        "name": Text(default=REQUIRED, nonempty=True, longest=128),
        "ingest_type": Text(default=INGEST_SIMULATOR, words=(INGEST_SIMULATOR, INGEST_FILE), later=("mqtt", "http")),
        "sensor_type": Text(default="", longest=128),
        "unit": Text(default="", longest=32),
        # seconds between readings; without it, sensors.poll_interval_seconds
        "interval_seconds": Number(above=0, most=SECONDS_MAX),
        # the simulator: mean, standard deviation, seed, and when it fails after its start (for trying rollouts)
        "base": Number(),
        "noise": Number(least=0),
        "seed": Number(whole=True, least=0),
        "fail_after_seconds": Number(least=0, most=SECONDS_MAX),
        # file replay: a JSONL file, and whether it begins anew at its end
        "path": Text(longest=1024),
        "repeat": Flag(),
    }
)
SENSORS: Final = Table(
    keys={
        "poll_interval_seconds": Number(default=5.0, above=0, most=SECONDS_MAX),
        "devices": ListOf(item=_SENSOR, most=256, unique="name"),
    }
)
WINDOWS: Final = Table(keys={"default_size": Number(default=60, whole=True, least=1, most=1_000_000)})
RULES: Final = NotYet(what="rules")
POLICIES: Final = NotYet(what="policies")


def problems(document: dict[str, Any], substituted: bool) -> Iterator[Problem]:
    """What the tables cannot say: keys that belong to another way of ingest, or that this one needs."""
    for index, device in enumerate(_devices(document)):
        if not isinstance(device, dict):
            continue
        here = f"/sensors/devices/{index}"
        kind = device.get("ingest_type")
        for key in device.keys() & _ONLY_FOR.keys():
            if _ONLY_FOR[key] != kind:
                yield Problem(join_pointer(here, key), f"only a sensor of ingest_type {_ONLY_FOR[key]!r} has it")
        if kind == INGEST_FILE and not device.get("path"):
            yield Problem(f"{here}/path", "is missing: which file to replay")


def _devices(document: dict[str, Any]) -> list[Any]:
    sensors = document.get("sensors")
    devices = sensors.get("devices") if isinstance(sensors, dict) else None
    return devices if isinstance(devices, list) else []

"""The config document: every section and key that an agent knows, with type, default and range.

Unknown keys and sections are problems, because a typo must not pass silently. The controller asks before it signs, the
device asks again after substitution: the same function (PROTOCOL 5, rule 4).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from pyvorin_edge.address import is_loopback
from pyvorin_edge.canonical import join_pointer
from pyvorin_edge.config.problem import Problem
from pyvorin_edge.config.shapes import REQUIRED, Flag, ListOf, NotYet, Number, Table, Text

INGEST_SIMULATOR: Final = "simulator"
INGEST_FILE: Final = "file"
_SECONDS_MAX: Final = 7 * 86400.0
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
        "interval_seconds": Number(above=0, most=_SECONDS_MAX),
        # the simulator: mean, standard deviation, seed, and when it fails after its start (for trying rollouts)
        "base": Number(),
        "noise": Number(least=0),
        "seed": Number(whole=True, least=0),
        "fail_after_seconds": Number(least=0, most=_SECONDS_MAX),
        # file replay: a JSONL file, and whether it begins anew at its end
        "path": Text(longest=1024),
        "repeat": Flag(),
    }
)
_PRIVACY_RULE: Final = Table(
    keys={
        "sensor_pattern": Text(default=REQUIRED, nonempty=True, longest=256),
        "action": Text(default=REQUIRED, words=("mask", "drop", "hash", "allow")),
    }
)
#: The whole document. A section left out means its defaults.
SCHEMA: Final = Table(
    keys={
        "sensors": Table(
            keys={
                "poll_interval_seconds": Number(default=5.0, above=0, most=_SECONDS_MAX),
                "devices": ListOf(item=_SENSOR, most=256, unique="name"),
            }
        ),
        "windows": Table(keys={"default_size": Number(default=60, whole=True, least=1, most=1_000_000)}),
        "rules": NotYet(what="rules"),
        "policies": NotYet(what="policies"),
        "cloud": Table(
            keys={
                "enabled": Flag(default=False),
                "endpoint": Text(default="", longest=2048),
                "api_key": Text(default=""),
                "batch_size": Number(default=100, whole=True, least=1, most=10_000),
                "flush_interval_seconds": Number(default=60.0, above=0, most=_SECONDS_MAX),
            }
        ),
        "privacy": Table(keys={"enabled": Flag(default=True), "rules": ListOf(item=_PRIVACY_RULE, most=1000)}),
        "logging": Table(
            keys={
                "level": Text(default="INFO", words=("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")),
                "format": Text(default="json", words=("json", "text")),
            }
        ),
        "health": Table(
            keys={
                "port": Number(default=8080, whole=True, least=1, most=65535),
                "enabled": Flag(default=True),
            }
        ),
    }
)


def with_defaults(document: dict[str, Any]) -> dict[str, Any]:
    """A new document: `document` over the defaults, also within lists of tables."""
    filled: dict[str, Any] = SCHEMA.fill(document)
    return filled


#: What an empty config means.
DEFAULTS: Final = with_defaults({})


def problems(document: dict[str, Any], *, substituted: bool = False) -> tuple[Problem, ...]:
    """All that is wrong with a defaults-merged document, sorted by path; empty = valid.

    Before substitution a string that holds `${…}` is only checked to be a string; after it (`substituted`) fully.
    """
    found = [*SCHEMA.problems(document, "", substituted), *_sensor_problems(document)]
    found.extend(_endpoint_problems(document, substituted))
    return tuple(sorted(found, key=lambda problem: problem.pointer))


def _sensor_problems(document: dict[str, Any]) -> Iterator[Problem]:
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


def _endpoint_problems(document: dict[str, Any], substituted: bool) -> Iterator[Problem]:
    cloud = document.get("cloud")
    if not isinstance(cloud, dict) or cloud.get("enabled") is not True:
        return
    endpoint = cloud.get("endpoint")
    if not isinstance(endpoint, str) or ("${" in endpoint and not substituted):
        return
    why = _endpoint_fault(endpoint, with_key=bool(cloud.get("api_key")))
    if why:
        yield Problem("/cloud/endpoint", why)


def _endpoint_fault(endpoint: str, *, with_key: bool) -> str | None:
    if not endpoint.strip():
        return "must not be empty while cloud.enabled is true"
    try:
        parts = urlsplit(endpoint)
        host, _ = parts.hostname, parts.port
    except ValueError as why:
        return f"is no URL: {why}"
    if parts.scheme not in ("http", "https") or not host:
        return "must be an http or https URL with a host"
    if parts.scheme == "http" and with_key and not is_loopback(host):
        return "must be https: with plain http the api_key would travel in clear"
    return None

"""`sensors`: what is read, by which way of ingest, and how often."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pyvorin_edge.address import is_loopback
from pyvorin_edge.canonical import join_pointer
from pyvorin_edge.config.problem import Problem
from pyvorin_edge.config.sections.bounds import SECONDS_MAX
from pyvorin_edge.config.shapes import ABSENT, REQUIRED, Flag, FreeTable, ListOf, Number, Table, Text
from pyvorin_edge.vocabulary import Drifting

INGEST_SIMULATOR: Final = "simulator"
INGEST_FILE: Final = "file"
INGEST_MQTT: Final = "mqtt"
INGEST_HTTP: Final = "http"
INGEST_PLUGIN: Final = "plugin"
#: A token that is read from other machines must not be guessed.
TOKEN_LETTERS_MIN: Final = 16
#: Each has a thread of its own, which may hang.
PLUGINS_MAX: Final = 16

#: Keys of a device that only some ways of ingest read; elsewhere they would be obeyed by nobody.
_ONLY_FOR: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(
        ("base", "noise", "seed", "fail_after_seconds", "drift", "missing_probability"), (INGEST_SIMULATOR,)
    ),
    **dict.fromkeys(
        ("path", "repeat", "format", "value_column", "timestamp_column", "metadata_columns", "pace", "speed",
         "timestamps"),
        (INGEST_FILE,),
    ),
    **dict.fromkeys(("topic", "qos", "ca_file", "username", "password"), (INGEST_MQTT,)),
    **dict.fromkeys(("host", "port"), (INGEST_MQTT, INGEST_HTTP)),
    **dict.fromkeys(("value_path", "timestamp_path", "metadata_path"), (INGEST_MQTT, INGEST_HTTP, INGEST_FILE)),
    "token": (INGEST_HTTP,),
    **dict.fromkeys(("plugin", "settings"), (INGEST_PLUGIN,)),
}  # fmt: skip
#: What each way of ingest cannot do without, and what it is.
_NEEDED: Final[Mapping[str, Mapping[str, str]]] = {
    INGEST_FILE: {"path": "which file to replay"},
    INGEST_MQTT: {"topic": "which topic or filter to subscribe to"},
    INGEST_HTTP: {"port": "on which port to listen"},
    INGEST_PLUGIN: {"plugin": "which name of the entry-point group pyvorin_edge.sensors"},
}
#: What each kind of drift needs, and what it may have besides.
_DRIFT_NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    Drifting.LINEAR: ("per_hour",),
    Drifting.WALK: ("per_hour",),
    Drifting.CYCLE: ("amplitude",),
    Drifting.SPIKE: ("amplitude", "probability"),
    Drifting.STEP: ("amplitude", "after_seconds"),
    Drifting.STUCK: ("after_seconds",),
}
_DRIFT_MAY: Final[Mapping[str, tuple[str, ...]]] = {Drifting.CYCLE: ("period_seconds",)}
_PATH: Final = re.compile(r"[^.\s]+(\.[^.\s]+)*")

_DRIFT: Final = Table(
    keys={
        "model": Text(default=REQUIRED, words=tuple(Drifting)),
        "per_hour": Number(),
        "amplitude": Number(),
        "period_seconds": Number(above=0, most=366 * 86400.0),
        "probability": Number(least=0, most=1),
        "after_seconds": Number(least=0, most=366 * 86400.0),
    }
)
_DEVICE: Final = Table(
    keys={
        "name": Text(
            default=REQUIRED, nonempty=True, longest=128, means="Unique. Privacy, windows, rules and policies name it."
        ),
        "ingest_type": Text(
            default=INGEST_SIMULATOR,
            words=(INGEST_SIMULATOR, INGEST_FILE, INGEST_MQTT, INGEST_HTTP, INGEST_PLUGIN),
            means="Where its readings come from.",
        ),
        "sensor_type": Text(default="", longest=128, means="What it measures; simulated readings carry it."),
        "unit": Text(default="", longest=32),
        "interval_seconds": Number(above=0, most=SECONDS_MAX, means="Its own, between readings."),
        "base": Number(means="Simulator: the mean, 20 without it."),
        "noise": Number(least=0, means="Simulator: the standard deviation, 0.5 without it."),
        "seed": Number(
            whole=True, least=0, means="Simulator: equal ones give equal readings. Without it: the device's own."
        ),
        "drift": ListOf(item=_DRIFT, most=8, default=ABSENT),
        "missing_probability": Number(least=0, most=1, means="Simulator: the share of readings that do not come."),
        "fail_after_seconds": Number(
            least=0, most=SECONDS_MAX, means="Simulator: it ends so long after its start, for trying rollouts."
        ),
        "path": Text(longest=1024, means="File: what is replayed."),
        "repeat": Flag(means="File: begin anew at its end."),
        "format": Text(words=("jsonl", "csv"), means="File: without it, by the ending of its name."),
        "pace": Text(
            words=("interval", "recorded"), means="File: a line at each interval, or as far apart as recorded."
        ),
        "speed": Number(above=0, most=1_000_000, means="File: so many times as fast as recorded."),
        "timestamps": Text(words=("now", "recorded"), means="File: the device's time, or what the file says."),
        "value_column": Text(nonempty=True, longest=128, means="CSV: without it, `value`."),
        "timestamp_column": Text(nonempty=True, longest=128, means="CSV: Unix seconds, milliseconds or RFC 3339."),
        "metadata_columns": ListOf(
            item=Text(nonempty=True, longest=128), most=64, default=ABSENT, means="CSV: further columns to keep."
        ),
        "host": Text(
            nonempty=True, longest=253, means="MQTT: the broker's. HTTP: where to listen. Without it, loopback."
        ),
        "port": Number(
            whole=True, least=1, most=65535, means="MQTT: 1883 without it, with TLS 8883. HTTP: where to listen."
        ),
        "topic": Text(nonempty=True, longest=1024, means="MQTT: a topic or filter."),
        "qos": Number(whole=True, least=0, most=2, means="MQTT: 1 without it."),
        "ca_file": Text(nonempty=True, longest=1024, means="MQTT: TLS, under this CA alone."),
        "username": Text(nonempty=True, longest=256, means="MQTT."),
        "password": Text(longest=1024, means="MQTT: by reference, or everybody may read it."),
        "token": Text(longest=1024, means="HTTP: the bearer token that is asked for."),
        "value_path": Text(
            nonempty=True, longest=256, means="In JSON: where the value stands, `a.b.0`; without it, `value`."
        ),
        "timestamp_path": Text(nonempty=True, longest=256, means="In JSON: the time; without it, `timestamp`."),
        "metadata_path": Text(nonempty=True, longest=256, means="In JSON: an object to keep; without it, `metadata`."),
        "plugin": Text(nonempty=True, longest=128, means="Plugin: the name of its entry point."),
        "settings": FreeTable(means="Plugin: what it is told, as it stands."),
    }
)
SENSORS: Final = Table(
    keys={
        "poll_interval_seconds": Number(
            default=5.0, above=0, most=SECONDS_MAX, means="Between readings, where a sensor has no `interval_seconds`."
        ),
        "devices": ListOf(item=_DEVICE, most=256, unique="name"),
    }
)


def problems(document: dict[str, Any], substituted: bool) -> Iterator[Problem]:
    """What the table cannot say: keys that belong to another way of ingest, or that it needs; secrets in clear."""
    devices = devices_of(document)
    for index, device in enumerate(devices):
        if isinstance(device, dict):
            yield from _device_problems(device, f"/sensors/devices/{index}", substituted)
    plugins = [index for index, one in enumerate(devices) if isinstance(one, dict) and _kind(one) == INGEST_PLUGIN]
    if len(plugins) > PLUGINS_MAX:
        where = f"/sensors/devices/{plugins[PLUGINS_MAX]}"
        yield Problem(where, f"{len(plugins)} sensors of ingest_type 'plugin' where at most {PLUGINS_MAX} are allowed")


def devices_of(document: Mapping[str, Any]) -> list[Any]:
    """The items of `sensors.devices`, as far as there are any."""
    sensors = document.get("sensors")
    devices = sensors.get("devices") if isinstance(sensors, dict) else None
    return devices if isinstance(devices, list) else []


def _device_problems(device: dict[str, Any], here: str, substituted: bool) -> Iterator[Problem]:
    kind = _kind(device)
    for key in device.keys() & _ONLY_FOR.keys():
        if kind not in _ONLY_FOR[key]:
            words = " or ".join(repr(one) for one in _ONLY_FOR[key])
            yield Problem(join_pointer(here, key), f"only a sensor of ingest_type {words} has it")
    for key, what in _NEEDED.get(kind, {}).items():
        if not device.get(key):
            yield Problem(f"{here}/{key}", f"is missing: {what}")
    yield from _path_problems(device, here)
    yield from _drift_problems(device, here)
    if kind == INGEST_FILE:
        yield from _file_problems(device, here)
    elif kind == INGEST_MQTT:
        yield from _mqtt_problems(device, here, substituted)
    elif kind == INGEST_HTTP:
        yield from _http_problems(device, here, substituted)


def _kind(device: dict[str, Any]) -> str:
    kind = device.get("ingest_type")
    return kind if isinstance(kind, str) else ""


def _path_problems(device: dict[str, Any], here: str) -> Iterator[Problem]:
    for key in ("value_path", "timestamp_path", "metadata_path"):
        path = device.get(key)
        if isinstance(path, str) and path and "${" not in path and not _PATH.fullmatch(path):
            yield Problem(f"{here}/{key}", "must be names with dots between them, as in data.temperature")


def _drift_problems(device: dict[str, Any], here: str) -> Iterator[Problem]:
    models = device.get("drift")
    for index, model in enumerate(models if isinstance(models, list) else []):
        name = model.get("model") if isinstance(model, dict) else None
        if not isinstance(name, str) or name not in _DRIFT_NEEDS:
            continue
        where = f"{here}/drift/{index}"
        needs = _DRIFT_NEEDS[name]
        yield from (Problem(f"{where}/{key}", f"is missing: {name} needs it") for key in needs if key not in model)
        for key in model.keys() - {"model", *needs, *_DRIFT_MAY.get(name, ())}:
            yield Problem(join_pointer(where, key), f"{name} has no such key")


def _file_problems(device: dict[str, Any], here: str) -> Iterator[Problem]:
    path = device.get("path")
    csv = is_csv(device) if isinstance(path, str) else False
    wrong = ("value_path", "timestamp_path", "metadata_path") if csv else (
        "value_column", "timestamp_column", "metadata_columns")  # fmt: skip
    for key in device.keys() & set(wrong):
        yield Problem(f"{here}/{key}", f"a {'CSV' if csv else 'JSONL'} file has none")
    if "speed" in device and device.get("pace") != "recorded":
        yield Problem(f"{here}/speed", 'only with pace = "recorded"')
    if csv and device.get("pace") == "recorded" and "timestamp_column" not in device:
        yield Problem(f"{here}/timestamp_column", 'is missing: pace = "recorded" needs it')


def is_csv(device: Mapping[str, Any]) -> bool:
    """Whether a file replay reads CSV: said by `format`, else by the name's ending."""
    said = device.get("format")
    return said == "csv" if said is not None else str(device["path"]).lower().endswith(".csv")


def _mqtt_problems(device: dict[str, Any], here: str, substituted: bool) -> Iterator[Problem]:
    topic, host = device.get("topic"), device.get("host", "127.0.0.1")
    if isinstance(topic, str) and not _open(topic, substituted) and not _is_filter(topic):
        yield Problem(f"{here}/topic", "is no MQTT filter: + stands for a whole level, # for all below, at the end")
    if device.get("password") and not device.get("username"):
        yield Problem(f"{here}/username", "is missing: a password needs one")
    clear = isinstance(host, str) and not _open(host, substituted) and not is_loopback(host)
    if clear and device.get("password") and not device.get("ca_file"):
        yield Problem(f"{here}/ca_file", "is missing: without TLS the password would travel in clear")


def _http_problems(device: dict[str, Any], here: str, substituted: bool) -> Iterator[Problem]:
    host, token = device.get("host", "127.0.0.1"), device.get("token", "")
    if not isinstance(host, str) or not isinstance(token, str) or _open(host, substituted) or is_loopback(host):
        return
    if not _open(token, substituted) and len(token) < TOKEN_LETTERS_MIN:
        why = f"an address that other machines reach needs a token of at least {TOKEN_LETTERS_MIN} characters"
        yield Problem(f"{here}/token", why)


def _open(text: str, substituted: bool) -> bool:
    """Whether it still holds a reference, so that it cannot be judged yet."""
    return not substituted and "${" in text


def _is_filter(topic: str) -> bool:
    levels = topic.split("/")
    plain = all(level in ("+", "#") or not {"+", "#"} & set(level) for level in levels)
    return plain and "#" not in levels[:-1] and "\0" not in topic

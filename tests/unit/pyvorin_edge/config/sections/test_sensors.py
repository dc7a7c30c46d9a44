"""What a config may say about sensors."""

from __future__ import annotations

from typing import Any

import pytest

from pyvorin_edge.config.document import problems, with_defaults


def wrong(*devices: Any, substituted: bool = False, **sensors: Any) -> list[str]:
    patch = {"sensors": {**sensors, "devices": list(devices)}}
    return [str(problem) for problem in problems(with_defaults(patch), substituted=substituted)]


def test_each_way_of_ingest_has_a_valid_form() -> None:
    drift = [
        {"model": "cycle", "amplitude": 2, "period_seconds": 60},
        {"model": "spike", "amplitude": 9, "probability": 0.1},
    ]
    assert (
        wrong(
            {"name": "s", "base": 1, "drift": drift, "missing_probability": 0.1},
            {
                "name": "f",
                "ingest_type": "file",
                "path": "x.csv",
                "timestamp_column": "at",
                "pace": "recorded",
                "speed": 10,
            },
            {
                "name": "m",
                "ingest_type": "mqtt",
                "topic": "zigbee/+/state",
                "host": "broker.lan",
                "value_path": "a.0.b",
                "username": "u",
                "password": "${P}",
                "ca_file": "ca.pem",
                "qos": 0,
            },
            {"name": "h", "ingest_type": "http", "host": "0.0.0.0", "port": 9000, "token": "${TOKEN}"},
            {"name": "p", "ingest_type": "plugin", "plugin": "modbus", "settings": {"unit_id": 3, "registers": [1, 2]}},
        )
        == []
    )


MQTT = {"name": "a", "ingest_type": "mqtt", "topic": "t"}
HTTP = {"name": "a", "ingest_type": "http", "port": 9000}
FILE = {"name": "a", "ingest_type": "file", "path": "x.jsonl"}


@pytest.mark.parametrize(
    ("device", "sentence"),
    [
        ({}, "/sensors/devices/0/name: is missing"),
        ({"name": ""}, "/sensors/devices/0/name: must not be empty"),
        ({"name": "a", "ingest_type": "modbus"}, "/sensors/devices/0/ingest_type: must be simulator, file, mqtt"),
        ({"name": "a", "ingest_type": "mqtt"}, "/sensors/devices/0/topic: is missing"),
        ({"name": "a", "ingest_type": "file"}, "/sensors/devices/0/path: is missing"),
        ({"name": "a", "ingest_type": "http"}, "/sensors/devices/0/port: is missing"),
        ({"name": "a", "ingest_type": "plugin"}, "/sensors/devices/0/plugin: is missing"),
        ({"name": "a", "path": "x"}, "/sensors/devices/0/path: only"),
        ({"name": "a", "settings": {}}, "/sensors/devices/0/settings: only"),
        ({"name": "a", "value_path": "x"}, "/sensors/devices/0/value_path: only a sensor of ingest_type 'mqtt' or"),
        ({**MQTT, "token": "x"}, "/sensors/devices/0/token: only a sensor of ingest_type 'http'"),
        ({**MQTT, "topic": "a/#/b"}, "/sensors/devices/0/topic: is no MQTT filter"),
        ({**MQTT, "topic": "a+"}, "/sensors/devices/0/topic: is no MQTT filter"),
        ({**MQTT, "password": "x"}, "/sensors/devices/0/username: is missing"),
        ({**MQTT, "host": "b.lan", "username": "u", "password": "x"}, "/sensors/devices/0/ca_file: is missing"),
        ({**MQTT, "value_path": "a..b"}, "/sensors/devices/0/value_path: must be names with dots"),
        ({**HTTP, "host": "0.0.0.0"}, "/sensors/devices/0/token: an address that other"),
        ({**HTTP, "host": "0.0.0.0", "token": "short"}, "/sensors/devices/0/token: an address that other"),
        ({**FILE, "value_column": "v"}, "/sensors/devices/0/value_column: a JSONL file has none"),
        ({**FILE, "format": "csv", "value_path": "v"}, "/sensors/devices/0/value_path: a CSV file has none"),
        ({**FILE, "speed": 2}, "/sensors/devices/0/speed: only with pace"),
        ({**FILE, "format": "csv", "pace": "recorded"}, "/sensors/devices/0/timestamp_column: is missing"),
        ({"name": "a", "drift": [{"model": "linear"}]}, "/sensors/devices/0/drift/0/per_hour: is missing"),
        (
            {"name": "a", "drift": [{"model": "stuck", "after_seconds": 1, "amplitude": 2}]},
            "/sensors/devices/0/drift/0/amplitude: stuck has no such key",
        ),
        ({"name": "a", "drift": [{"model": "wobble"}]}, "/sensors/devices/0/drift/0/model: must be linear"),
        ({"name": "a", "drift": 5}, "/sensors/devices/0/drift: must be a list"),
        ({"name": "a", "missing_probability": 2}, "/sensors/devices/0/missing_probability: must be at least 0"),
    ],
)
def test_each_fault_is_named_by_its_field(device: dict[str, Any], sentence: str) -> None:
    assert any(line.startswith(sentence) for line in wrong(device)), wrong(device)


def test_names_are_unique_and_intervals_above_nothing() -> None:
    assert wrong({"name": "a"}, {"name": "a"}) == ["/sensors/devices/1/name: the same name as item 0"]
    assert wrong(poll_interval_seconds=0)[0].startswith("/sensors/poll_interval_seconds: must be above 0")


def test_what_refers_to_a_variable_is_judged_after_substitution() -> None:
    device = {**HTTP, "host": "${HOST:-0.0.0.0}", "token": ""}
    assert wrong(device) == []
    assert wrong({**device, "host": "0.0.0.0"}, substituted=True) != []


def test_threads_of_plugins_are_bounded() -> None:
    plugins = [{"name": f"p{index}", "ingest_type": "plugin", "plugin": "x"} for index in range(17)]
    assert wrong(*plugins) == ["/sensors/devices/16: 17 sensors of ingest_type 'plugin' where at most 16 are allowed"]

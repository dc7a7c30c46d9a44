"""Every ingest type that a config may name has its adapter."""

from __future__ import annotations

import pytest

from pyv_edge_agent.sensors.catalogue import adapters_of
from pyv_edge_agent.sensors.interface import Adapter, Pushing, SensorError
from pyv_edge_agent.sensors.mqtt import MqttAdapter
from pyv_edge_agent.sensors.plugin import PluginAdapter
from pyv_edge_agent.sensors.replay import FileReplayAdapter
from pyv_edge_agent.sensors.simulator import SimulatorAdapter
from pyv_edge_agent.sensors.webhook import WebhookAdapter
from pyvorin_edge.config.document import problems, with_defaults


def made(*devices: dict[str, object]) -> tuple[Adapter, ...]:
    document = with_defaults({"sensors": {"devices": list(devices)}})
    assert problems(document) == ()
    return adapters_of(document["sensors"], seed=1, monotonic=lambda: 0.0, clock=lambda: 0.0)


def test_each_valid_item_gets_its_adapter() -> None:
    adapters = made(
        {"name": "s"},
        {"name": "f", "ingest_type": "file", "path": "x", "interval_seconds": 2},
        {"name": "m", "ingest_type": "mqtt", "topic": "t"},
        {"name": "h", "ingest_type": "http", "port": 9},
        {"name": "p", "ingest_type": "plugin", "plugin": "x"},
    )
    assert [type(one) for one in adapters] == [
        SimulatorAdapter, FileReplayAdapter, MqttAdapter, WebhookAdapter, PluginAdapter
    ]  # fmt: skip
    assert [one.name for one in adapters] == ["s", "f", "m", "h", "p"]
    assert [one.interval_seconds for one in adapters] == [None, 2, None, None, None]
    assert [isinstance(one, Pushing) for one in adapters] == [False, False, True, True, True]


def test_a_type_without_an_adapter_is_an_error_not_a_silence() -> None:
    sensors = {"poll_interval_seconds": 5, "devices": [{"name": "m", "ingest_type": "smoke"}]}
    with pytest.raises(SensorError, match="no adapter for ingest_type 'smoke'"):
        adapters_of(sensors, seed=1, monotonic=lambda: 0.0, clock=lambda: 0.0)

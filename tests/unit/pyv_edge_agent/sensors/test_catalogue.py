"""Every ingest type that a config may name has its adapter."""

from __future__ import annotations

import pytest

from pyv_edge_agent.sensors.catalogue import adapters_of
from pyv_edge_agent.sensors.interface import Adapter, SensorError
from pyv_edge_agent.sensors.replay import FileReplayAdapter
from pyv_edge_agent.sensors.simulator import SimulatorAdapter
from pyvorin_edge.config.document import problems, with_defaults


def made(*devices: dict[str, object]) -> tuple[Adapter, ...]:
    document = with_defaults({"sensors": {"devices": list(devices)}})
    assert problems(document) == ()
    return adapters_of(document["sensors"], seed=1, monotonic=lambda: 0.0, clock=lambda: 0.0)


def test_each_valid_item_gets_its_adapter() -> None:
    simulator, replay = made({"name": "s"}, {"name": "f", "ingest_type": "file", "path": "x", "interval_seconds": 2})
    assert isinstance(simulator, SimulatorAdapter)
    assert isinstance(replay, FileReplayAdapter)
    assert (simulator.name, simulator.interval_seconds) == ("s", None)
    assert (replay.name, replay.interval_seconds) == ("f", 2)


def test_a_type_without_an_adapter_is_an_error_not_a_silence() -> None:
    sensors = {"devices": [{"name": "m", "ingest_type": "mqtt"}]}
    with pytest.raises(SensorError, match="no adapter for ingest_type 'mqtt'"):
        adapters_of(sensors, seed=1, monotonic=lambda: 0.0, clock=lambda: 0.0)

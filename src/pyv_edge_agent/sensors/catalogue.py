"""From the config's `sensors` section to adapters: the one place where an ingest type meets its adapter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pyv_edge_agent.sensors.interface import Adapter, SensorError
from pyv_edge_agent.sensors.replay import FileReplayAdapter
from pyv_edge_agent.sensors.simulator import SimulatedSensor, SimulatorAdapter, SimulatorSettings
from pyvorin_edge.config.sections.sensing import INGEST_FILE, INGEST_SIMULATOR


def adapters_of(
    sensors: Mapping[str, Any], *, seed: int, monotonic: Callable[[], float], clock: Callable[[], float]
) -> tuple[Adapter, ...]:
    """An adapter for each item of an effective, validated `sensors` section; not started.

    `seed` is the device's own, for simulators without one. SensorError for an ingest type without an adapter.
    """
    return tuple(_adapter_of(device, seed, monotonic, clock) for device in sensors["devices"])


def _adapter_of(
    device: Mapping[str, Any], seed: int, monotonic: Callable[[], float], clock: Callable[[], float]
) -> Adapter:
    match device["ingest_type"]:
        case str(kind) if kind == INGEST_SIMULATOR:
            sensor = SimulatedSensor(SimulatorSettings.from_document(device), seed)
            return SimulatorAdapter(sensor, monotonic=monotonic, clock=clock)
        case str(kind) if kind == INGEST_FILE:
            return FileReplayAdapter(device, clock=clock)
        case kind:
            raise SensorError(f"sensor {device['name']!r}: no adapter for ingest_type {kind!r} in this version")

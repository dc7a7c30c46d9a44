"""What simulated devices have in common: a store of releases and blobs, and the configs in it, read once for all."""

from __future__ import annotations

from typing import Any

import msgspec

from pyv_edge_agent.config import Config
from pyv_edge_agent.sensors.simulator import SimulatedSensor, SimulatorSettings
from pyv_fleet.simulate.fault import Fault, Surroundings, fault_of
from pyvorin_edge.identity import Digest


class Loaded(msgspec.Struct, frozen=True):
    """A config as a device runs on it."""

    effective: dict[str, Any]
    effective_hash: str
    sensors: tuple[SimulatedSensor, ...]
    fault: Fault | None = None


class World:
    """One store for all: content-addressed, so what one device keeps another finds; and one environment."""

    def __init__(self, environment: dict[str, str], around: Surroundings = Surroundings()) -> None:  # noqa: B008 frozen
        self.environment = environment
        self.around = around
        self.releases: dict[Digest, bytes] = {}
        self.blobs: dict[Digest, bytes] = {}
        self._loaded: dict[Digest, Loaded] = {}

    def load(self, digest: Digest, data: bytes) -> Loaded:
        """The config in `data`, whose digest is given; ConfigError with all its problems if it is not valid."""
        found = self._loaded.get(digest)
        if found is None:
            config = Config.from_bytes(data)
            config.validate(self.environment)
            effective = config.effective(self.environment)
            sensors = tuple(
                SimulatedSensor(SimulatorSettings.from_document(device))
                for device in effective["sensors"]["devices"]
                if device["ingest_type"] == "simulator"
            )
            fault = fault_of(one.settings.name for one in sensors)
            found = Loaded(effective, config.effective_hash(self.environment, b"simulated"), sensors, fault)
            self._loaded[digest] = found
        return found

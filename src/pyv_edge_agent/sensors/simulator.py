"""A simulated sensor: a pure model of time since its start, used by the real agent and by the fleet simulator alike."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from typing import Any, Self

import msgspec

from pyv_edge_agent.sensors.interface import SensorError, SensorReading


class SimulatorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a config says of a simulated sensor."""

    name: str
    sensor_type: str = ""
    unit: str = ""
    #: mean value
    base: float = 20.0
    #: standard deviation
    noise: float = 0.5
    #: none = the device's own
    seed: int | None = None
    interval_seconds: float | None = None
    #: uptime of the sensor at which it fails for good; none = never
    fail_after_seconds: float | None = None

    @classmethod
    def from_document(cls, device: Mapping[str, Any]) -> Self:
        """From an item of `sensors.devices` in a validated document."""
        return cls(**{name: device[name] for name in cls.__struct_fields__ if name in device})


class SimulatedSensor:
    """The model. Equal settings, seed and uptime give equal readings, in whatever order they are asked for."""

    def __init__(self, settings: SimulatorSettings, seed: int = 0) -> None:
        self.settings = settings
        self._seed = settings.seed if settings.seed is not None else seed

    def connected_at(self, uptime_seconds: float) -> bool:
        """Whether the sensor still works, that many seconds after its start."""
        limit = self.settings.fail_after_seconds
        return limit is None or uptime_seconds < limit

    def failure_at(self, uptime_seconds: float) -> str | None:
        """Why it does not work, or none."""
        if self.connected_at(uptime_seconds):
            return None
        return (
            f"the simulated sensor {self.settings.name!r} failed {self.settings.fail_after_seconds:g} s after its start"
        )

    def value_at(self, uptime_seconds: float) -> float:
        """Base plus noise, rounded to a thousandth."""
        if not self.settings.noise:
            return self.settings.base
        return round(self.settings.base + self.settings.noise * self._normal(uptime_seconds), 3)

    def reading_at(self, uptime_seconds: float, timestamp: float = 0.0) -> SensorReading:
        """The reading of that moment, stamped with `timestamp` (Unix seconds); SensorError once it has failed."""
        failure = self.failure_at(uptime_seconds)
        if failure is not None:
            raise SensorError(failure)
        return SensorReading(
            sensor_name=self.settings.name,
            timestamp=timestamp,
            value=self.value_at(uptime_seconds),
            unit=self.settings.unit,
            metadata={"sensor_type": self.settings.sensor_type} if self.settings.sensor_type else {},
        )

    def _normal(self, uptime_seconds: float) -> float:
        # Box-Muller over a hash rather than a generator: no state, so readings do not depend on how often one asks.
        moment = f"{self._seed}\0{self.settings.name}\0{round(uptime_seconds * 1000)}".encode()
        drawn = hashlib.blake2b(moment, digest_size=16).digest()
        one, two = ((int.from_bytes(half) + 1) / (2**64 + 1) for half in (drawn[:8], drawn[8:]))
        return math.sqrt(-2 * math.log(one)) * math.cos(2 * math.pi * two)


class SimulatorAdapter:
    """The model as an adapter on a running device."""

    def __init__(self, sensor: SimulatedSensor, *, monotonic: Callable[[], float], clock: Callable[[], float]) -> None:
        self._sensor = sensor
        self._monotonic = monotonic
        self._clock = clock
        self._started_at: float | None = None

    @property
    def name(self) -> str:
        """See Adapter."""
        return self._sensor.settings.name

    @property
    def interval_seconds(self) -> float | None:
        """See Adapter."""
        return self._sensor.settings.interval_seconds

    @property
    def connected(self) -> bool:
        """See Adapter: it fails by the clock, also between two readings."""
        return self._started_at is not None and self._sensor.connected_at(self._uptime())

    @property
    def failure(self) -> str | None:
        """See Adapter."""
        return None if self._started_at is None else self._sensor.failure_at(self._uptime())

    def start(self) -> None:
        """See Adapter."""
        self._started_at = self._monotonic()

    def read(self) -> SensorReading | None:
        """See Adapter."""
        return self._sensor.reading_at(self._uptime(), self._clock())

    def stop(self) -> None:
        """See Adapter."""
        self._started_at = None

    def _uptime(self) -> float:
        return 0.0 if self._started_at is None else self._monotonic() - self._started_at

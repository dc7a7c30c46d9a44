"""A simulated sensor: a pure model of time since its start, used by the real agent and by the fleet simulator alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

import msgspec

from pyv_edge_agent.sensors.drifting import Chance, Drift, offset_at, stuck_at
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
    drift: tuple[Drift, ...] = ()
    #: share of the readings that do not come
    missing_probability: float = 0.0

    @classmethod
    def from_document(cls, device: Mapping[str, Any]) -> Self:
        """From an item of `sensors.devices` in a validated document."""
        said = {name: device[name] for name in cls.__struct_fields__ if name in device}
        return cls(**{**said, "drift": tuple(Drift.from_document(one) for one in device.get("drift", ()))})


class SimulatedSensor:
    """The model. Equal settings, seed and uptime give equal readings, in whatever order they are asked for."""

    def __init__(self, settings: SimulatorSettings, seed: int = 0) -> None:
        self.settings = settings
        self._chance = Chance(settings.seed if settings.seed is not None else seed, settings.name)

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

    def missing_at(self, uptime_seconds: float) -> bool:
        """Whether the reading of that moment does not come."""
        share = self.settings.missing_probability
        return share > 0 and self._chance.uniform("missing", _millis(uptime_seconds)) < share

    def value_at(self, uptime_seconds: float) -> float:
        """Base, drift and noise, rounded to a thousandth."""
        settings = self.settings
        moment = stuck_at(settings.drift, uptime_seconds)
        value = settings.base + offset_at(settings.drift, moment, self._chance)
        if settings.noise:
            value += settings.noise * self._chance.normal(_millis(moment))
        return round(value, 3)

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
        uptime = self._uptime()
        if self._sensor.connected_at(uptime) and self._sensor.missing_at(uptime):
            return None
        return self._sensor.reading_at(uptime, self._clock())

    def stop(self) -> None:
        """See Adapter."""
        self._started_at = None

    def _uptime(self) -> float:
        return 0.0 if self._started_at is None else self._monotonic() - self._started_at


def _millis(uptime_seconds: float) -> int:
    return round(uptime_seconds * 1000)

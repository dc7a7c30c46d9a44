"""The port of every sensor adapter: a reading, and what an adapter can do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

Value = float | int | str | bool | None


class SensorError(Exception):
    """A sensor that cannot be started or read; the message says why and is shown in health."""


class SensorReading(msgspec.Struct, frozen=True):
    """One reading as it goes to the privacy firewall and on to the queue."""

    sensor_name: str
    #: Unix seconds
    timestamp: float
    value: Value
    unit: str = ""
    metadata: Mapping[str, Any] = {}


class Adapter(Protocol):
    """One sensor. Called from one thread only; `connected` and `failure` may be read from any."""

    @property
    def name(self) -> str:
        """The sensor's name, unique in the config."""

    @property
    def interval_seconds(self) -> float | None:
        """Its own seconds between readings; none = the config's poll_interval_seconds."""

    @property
    def connected(self) -> bool:
        """Whether it can be read now."""

    @property
    def failure(self) -> str | None:
        """Why it is not connected, in one sentence; none while it is, or before it was started."""

    def start(self) -> None:
        """Make ready to read; SensorError if that fails. It is tried again at the next interval."""

    def read(self) -> SensorReading | None:
        """The next reading, none if there is nothing new; SensorError if it cannot be read."""

    def stop(self) -> None:
        """Let go of all it holds; may be called twice."""

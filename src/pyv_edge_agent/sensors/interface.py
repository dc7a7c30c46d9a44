"""The port of every sensor adapter: a reading, and what an adapter can do."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol, runtime_checkable

import msgspec

Value = float | int | str | bool | None

#: A longer text is no reading of a sensor.
TEXT_LETTERS_MAX: Final = 4096
METADATA_BYTES_MAX: Final = 16 * 1024
#: Beyond it a float no longer tells neighbours apart, and JSON readers differ.
_WHOLE_MAX: Final = 2**53


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


@runtime_checkable
class Pushing(Protocol):
    """What an adapter has besides when readings come to it by themselves, from threads of its own."""

    @property
    def backlog(self) -> int:
        """How many readings wait to be taken."""

    @property
    def dropped(self) -> int:
        """How many readings found no room since the start."""

    def listen(self, wake: Callable[[], None]) -> None:
        """Call `wake`, from any thread, whenever there is something to take."""

    def take(self) -> Sequence[SensorReading]:
        """All readings that came, oldest first."""


class Refusing(Protocol):
    """What an adapter has besides when it may hear what is no reading."""

    @property
    def refused(self) -> int:
        """How much of what came since the start was no reading."""


def fault_of(reading: object) -> str | None:
    """Why this is no reading that may pass; none = it is one. The sentence never shows the value."""
    if not isinstance(reading, SensorReading):
        return f"not a SensorReading but a {type(reading).__name__}"
    if isinstance(reading.timestamp, bool) or not isinstance(reading.timestamp, int | float):
        return "its timestamp is no number"
    if not math.isfinite(reading.timestamp):
        return "its timestamp is not finite"
    if not isinstance(reading.sensor_name, str) or not isinstance(reading.unit, str):
        return "its name or unit is no text"
    return _value_fault(reading.value) or (_metadata_fault(reading.metadata) if reading.metadata else None)


def _value_fault(value: object) -> str | None:
    match value:
        case None | bool():
            return None
        case float():
            return None if math.isfinite(value) else "its value is not finite"
        case int():
            return None if abs(value) <= _WHOLE_MAX else "its value is too large a number"
        case str():
            return None if len(value) <= TEXT_LETTERS_MAX else f"its text is longer than {TEXT_LETTERS_MAX} characters"
    return f"its value is a {type(value).__name__}"


def _metadata_fault(metadata: object) -> str | None:
    if not isinstance(metadata, Mapping):
        return "its metadata is no mapping"
    try:
        said = json.dumps(dict(metadata), allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return "its metadata is no JSON"
    return None if len(said) <= METADATA_BYTES_MAX else f"its metadata is over {METADATA_BYTES_MAX} bytes"

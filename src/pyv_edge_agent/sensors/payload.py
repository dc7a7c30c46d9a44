"""What is read out of JSON from outside: value, time and metadata of a reading, by dotted paths."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from typing import Any, Final, Self

import msgspec

from pyv_edge_agent.sensors.interface import SensorReading, Value

PAYLOAD_BYTES_MAX: Final = 64 * 1024
TEXT_LETTERS_MAX: Final = 256
#: A number beyond it is in milliseconds: as seconds it would be the year 5138.
_SECONDS_MAX: Final = 1e11
_MISSING: Final = object()


class PayloadError(ValueError):
    """Bytes that hold no reading; the message says what is missing and never shows what is there."""


class Extraction(msgspec.Struct, frozen=True, kw_only=True):
    """Whose reading it is, and where its parts stand."""

    name: str
    unit: str = ""
    value_path: str = "value"
    timestamp_path: str = "timestamp"
    metadata_path: str = "metadata"

    @classmethod
    def from_document(cls, device: Mapping[str, Any]) -> Self:
        """From an item of `sensors.devices` in a validated document."""
        return cls(**{key: device[key] for key in cls.__struct_fields__ if key in device})

    def reading(self, payload: bytes, now: float, *, text: bool = True) -> SensorReading:
        """The reading in a payload: JSON, or with `text` also a short one such as ON; PayloadError if there is none."""
        if len(payload) > PAYLOAD_BYTES_MAX:
            raise PayloadError(f"over {PAYLOAD_BYTES_MAX} bytes")
        return self.reading_of(_decoded(payload, text), now)

    def reading_of(self, said: Any, now: float) -> SensorReading:
        """The same from what was decoded: a plain value, or an object with the parts at their paths."""
        if not isinstance(said, dict | list):
            return SensorReading(self.name, now, said, self.unit)
        value = _at(said, self.value_path)
        if value is _MISSING:
            raise PayloadError(f"nothing stands at {self.value_path!r}")
        if isinstance(value, dict | list):
            raise PayloadError(f"{self.value_path!r} is no plain value")
        return SensorReading(self.name, self._time(said, now), value, self.unit, self._metadata(said))

    def _time(self, said: Any, now: float) -> float:
        found = _at(said, self.timestamp_path)
        return now if found is _MISSING or found is None else seconds_of(found)

    def _metadata(self, said: Any) -> dict[str, Any]:
        found = _at(said, self.metadata_path)
        if found is _MISSING or found is None:
            return {}
        if not isinstance(found, dict):
            raise PayloadError(f"{self.metadata_path!r} is no object")
        return found


def seconds_of(said: Any) -> float:
    """Unix seconds from a number (seconds or milliseconds) or a text (either, or RFC 3339); PayloadError if neither."""
    if isinstance(said, str):
        said = _number_in(said)
    if isinstance(said, bool) or not isinstance(said, int | float) or not math.isfinite(said):
        raise PayloadError("the time is neither Unix seconds nor RFC 3339")
    return said / 1000 if abs(said) > _SECONDS_MAX else float(said)


def value_in(text: str) -> Value:
    """A value out of text, as in CSV: a number, true or false, nothing, else the text."""
    bare = text.strip()
    if bare.lower() in ("true", "false"):
        return bare.lower() == "true"
    if not bare:
        return None
    try:
        return int(bare) if len(bare) < 16 and bare.lstrip("+-").isdecimal() else float(bare)
    except ValueError:
        return bare


def _decoded(payload: bytes, text_too: bool) -> Any:
    try:
        return msgspec.json.decode(payload)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        if not text_too:
            raise PayloadError("no JSON") from None
    try:
        text = payload.decode().strip()
    except UnicodeDecodeError:
        raise PayloadError("neither JSON nor text") from None
    if not text or len(text) > TEXT_LETTERS_MAX or text[0] in '{["' or not text.isprintable():
        raise PayloadError("neither JSON nor a short text")
    return value_in(text)


def _at(said: Any, path: str) -> Any:
    for step in path.split("."):
        if isinstance(said, dict):
            said = said.get(step, _MISSING)
        elif isinstance(said, list) and step.isascii() and step.isdecimal() and int(step[:6]) < len(said):
            said = said[int(step[:6])]
        else:
            return _MISSING
    return said


def _number_in(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo is not None else moment.replace(tzinfo=datetime.UTC).timestamp()

"""File replay: each line of a JSONL file is one reading, `{"value": …, "metadata": {…}}`, taken at the interval."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, Final

from pyv_edge_agent.sensors.interface import SensorError, SensorReading

LINE_BYTES_MAX: Final = 64 * 1024


class FileReplayAdapter:
    """Replays a file from its first line; at its end it falls silent, or begins anew with `repeat`."""

    def __init__(self, device: Mapping[str, Any], *, clock: Callable[[], float]) -> None:
        self._device = device
        self._clock = clock
        self._file: IO[bytes] | None = None
        self._line = 0
        self._failure: str | None = None

    @property
    def name(self) -> str:
        """See Adapter."""
        return str(self._device["name"])

    @property
    def interval_seconds(self) -> float | None:
        """See Adapter."""
        return self._device.get("interval_seconds")

    @property
    def connected(self) -> bool:
        """See Adapter. A file at its end is still connected: there is merely nothing new."""
        return self._file is not None and self._failure is None

    @property
    def failure(self) -> str | None:
        """See Adapter."""
        return self._failure

    def start(self) -> None:
        """See Adapter."""
        self.stop()
        try:
            self._file = Path(self._device["path"]).open("rb")  # noqa: SIM115 - open from start to stop
        except OSError as why:
            raise self._failed(f"cannot open {self._device['path']}: {why.strerror}") from why
        self._failure = None

    def read(self) -> SensorReading | None:
        """See Adapter. A line that is no reading is a failure that names its number; the next line is read after it."""
        if self._file is None:
            raise self._failed(f"{self._device['path']} is not open")
        line = self._next_line(self._file)
        if not line.strip():
            return None
        reading = self._reading_of(line)
        self._failure = None
        return reading

    def stop(self) -> None:
        """See Adapter."""
        if self._file is not None:
            self._file.close()
        self._file = None
        self._line = 0

    def _next_line(self, file: IO[bytes]) -> bytes:
        line = file.readline(LINE_BYTES_MAX)
        if not line and self._device.get("repeat"):
            file.seek(0)
            self._line = 0
            line = file.readline(LINE_BYTES_MAX)
        self._line += 1
        return line

    def _reading_of(self, line: bytes) -> SensorReading:
        try:
            said = json.loads(line)
            value, metadata = said["value"], said.get("metadata", {})
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise self._failed(f'line {self._line} is no {{"value": …}} object') from None
        if isinstance(value, dict | list) or not isinstance(metadata, dict):
            raise self._failed(f"line {self._line}: value must be plain and metadata an object")
        return SensorReading(self.name, self._clock(), value, str(self._device.get("unit", "")), metadata)

    def _failed(self, why: str) -> SensorError:
        self._failure = f"sensor {self.name!r}: {why}"
        return SensorError(self._failure)

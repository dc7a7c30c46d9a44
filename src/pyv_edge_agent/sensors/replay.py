"""File replay: each line of a JSONL file, or row of a CSV file, is one reading; at the interval, or as recorded."""

from __future__ import annotations

import csv
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Final

from pyv_edge_agent.sensors.interface import SensorError, SensorReading, fault_of
from pyv_edge_agent.sensors.payload import Extraction, PayloadError, seconds_of, value_in
from pyvorin_edge.config.sections.sensors import is_csv

LINE_BYTES_MAX: Final = 64 * 1024
#: Lines that are no reading and are passed over at once; then the next interval goes on.
BAD_LINES_AT_ONCE_MAX: Final = 100
#: Readings that are due at once when many were recorded within one look.
LOOK_SECONDS: Final = 0.05


class FileReplayAdapter:
    """Replays a file from its first line; at its end it falls silent, or begins anew with `repeat`.

    A line that is no reading is counted in `refused` and passed over. Only a file in which none is one is a failure.
    """

    def __init__(
        self, device: Mapping[str, Any], *, clock: Callable[[], float], monotonic: Callable[[], float] | None = None
    ) -> None:
        self._device = device
        self._clock = clock
        self._monotonic = monotonic or clock
        self._lines: Lines | None = None
        self._failure: str | None = None
        self._recorded = device.get("pace") == "recorded"
        self._held: SensorReading | None = None
        #: recorded seconds, and the seconds of our clock that stand for them
        self._anchor: tuple[float, float] | None = None
        self._good = False
        #: lines that are no reading
        self.refused = 0

    @property
    def name(self) -> str:
        """See Adapter."""
        return str(self._device["name"])

    @property
    def interval_seconds(self) -> float | None:
        """See Adapter."""
        return LOOK_SECONDS if self._recorded else self._device.get("interval_seconds")

    @property
    def connected(self) -> bool:
        """See Adapter. A file at its end is still connected: there is merely nothing new."""
        return self._lines is not None and self._failure is None

    @property
    def failure(self) -> str | None:
        """See Adapter."""
        return self._failure

    def start(self) -> None:
        """See Adapter."""
        self.stop()
        try:
            self._lines = Lines(self._device)
        except OSError as why:
            raise self._failed(f"cannot open {self._device['path']}: {why.strerror}") from why
        except PayloadError as why:
            raise self._failed(f"{self._device['path']}: {why}") from why
        self._failure = None

    def read(self) -> SensorReading | None:
        """See Adapter."""
        if self._lines is None:
            raise self._failed(f"{self._device['path']} is not open")
        if self._held is None:
            self._held = self._next(self._lines)
        if self._held is None or not self._is_due(self._held):
            return None
        reading, self._held = self._held, None
        if self._device.get("timestamps") == "recorded":
            return reading
        return SensorReading(reading.sensor_name, self._clock(), reading.value, reading.unit, reading.metadata)

    def stop(self) -> None:
        """See Adapter."""
        if self._lines is not None:
            self._lines.close()
        self._lines = self._held = self._anchor = None

    def _next(self, lines: Lines) -> SensorReading | None:
        for _ in range(BAD_LINES_AT_ONCE_MAX):
            try:
                reading = lines.next(self._clock())
            except PayloadError:
                self.refused += 1
                continue
            except OSError as why:
                raise self._failed(f"cannot read {self._device['path']}: {why.strerror}") from why
            if reading is None:
                if not self._begins_anew(lines):
                    return None
                continue
            if fault_of(reading) is None:
                self._good = True
                return reading
            self.refused += 1
        return None

    def _begins_anew(self, lines: Lines) -> bool:
        if self.refused and not self._good:
            raise self._failed(f"no line of {self._device['path']} is a reading ({self.refused} were tried)")
        if not self._device.get("repeat") or not self._good:
            return False
        lines.rewind()
        self._anchor = None
        return True

    def _is_due(self, reading: SensorReading) -> bool:
        if not self._recorded:
            return True
        now = self._monotonic()
        if self._anchor is None or reading.timestamp < self._anchor[0]:
            self._anchor = (reading.timestamp, now)
        since = (reading.timestamp - self._anchor[0]) / self._device.get("speed", 1.0)
        return bool(now - self._anchor[1] >= since)

    def _failed(self, why: str) -> SensorError:
        self._failure = f"sensor {self.name!r}: {why}"
        return SensorError(self._failure)


class Lines:
    """The readings of one file, in its order. OSError if it cannot be read."""

    def __init__(self, device: Mapping[str, Any]) -> None:
        """PayloadError if it is no plain file, or a CSV whose header lacks a column."""
        self._device = device
        self._extraction = Extraction.from_document(device)
        self._csv = is_csv(device)
        path = Path(device["path"])
        # a pipe or a device could hang whoever opens it, and with it all sensors
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise PayloadError("is no plain file")
        self._file: IO[bytes] = path.open("rb")
        self._header: list[str] = []
        self.rewind()

    def rewind(self) -> None:
        """Begin anew."""
        self._file.seek(0)
        if self._csv:
            self._header = [one.strip() for one in next(csv.reader([self._line().removeprefix("\ufeff")]), [])]
            wanted = (self._column("value"), self._device.get("timestamp_column"))
            for column in (*wanted, *self._device.get("metadata_columns", ())):
                if column is not None and column not in self._header:
                    self.close()
                    raise PayloadError(f"its header has no column {column!r}")

    def next(self, now: float) -> SensorReading | None:
        """The next reading, none at the end; PayloadError if the line is none. Empty lines are passed over."""
        for line in self._rest():
            if line.strip():
                return self._row(line, now) if self._csv else self._extraction.reading(line.encode(), now, text=False)
        return None

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._file.close()

    def _rest(self) -> Iterator[str]:
        while line := self._line():
            yield line

    def _line(self) -> str:
        line = self._file.readline(LINE_BYTES_MAX)
        whole = line
        while whole and not whole.endswith(b"\n"):  # the rest of a line that is too long, not kept
            whole = self._file.readline(LINE_BYTES_MAX)
            if whole:
                line = b"\xff"
        return line.decode("utf-8", "replace")

    def _row(self, line: str, now: float) -> SensorReading:
        try:
            fields = next(csv.reader([line.rstrip("\r\n")], strict=True), [])
        except csv.Error:
            raise PayloadError("no CSV") from None
        if len(fields) != len(self._header):
            raise PayloadError(f"{len(fields)} fields where the header has {len(self._header)}")
        row = dict(zip(self._header, fields, strict=True))
        stamp = row.get(self._device.get("timestamp_column", ""))
        metadata = {key: value_in(row[key]) for key in self._device.get("metadata_columns", ())}
        value = value_in(row[self._column("value")])
        if value is None:
            raise PayloadError("no value")
        time = now if stamp is None else seconds_of(stamp)
        return SensorReading(self._extraction.name, time, value, self._extraction.unit, metadata)

    def _column(self, part: str) -> str:
        return str(self._device.get(f"{part}_column", part))

"""A device's history on disk: two files of JSON lines, the older one dropped. Nothing here can stop an update.

Lines are appended, not replaced, and flushed to the card only with what settles: a power cut may cost the last lines
and tear one, which readers pass over.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Final

import msgspec

from pyv_edge_agent.core import history as core
from pyv_edge_agent.core.device import Device
from pyv_edge_agent.core.events import Now
from pyv_edge_agent.core.history import Line, Recent
from pyvorin_edge.vocabulary import Happening

logger = logging.getLogger(__name__)

CURRENT: Final = "history.jsonl"
EARLIER: Final = "history.1.jsonl"
FILE_BYTES_MAX: Final = 256 * 1024
LINE_BYTES_MAX: Final = 4096


class Told(msgspec.Struct, frozen=True):
    """What could be read of a history, oldest first."""

    lines: tuple[Line, ...] = ()
    #: torn or strange lines that were passed over
    passed_over: int = 0


class History:
    """Appends to a directory's history. Opened when the first line comes."""

    def __init__(self, directory: Path, *, file_bytes_max: int = FILE_BYTES_MAX) -> None:
        self._directory = directory
        self._bytes_max = file_bytes_max
        self._recent: dict[Happening, Recent] = {}
        #: number of the last line; none = the files were not looked at yet
        self._last: int | None = None
        #: lines that could not be written
        self.failed = 0

    def note(self, before: Device, after: Device, now: Now) -> None:
        """Remember what happened between the two. Never raises: history is no reason to stop."""
        try:
            found = core.lines(before, after, now)
            if found:
                self.append(found, durably=core.settles(found))
        except Exception:  # the edge: whatever it is, the device goes on
            self.failed += 1
            logger.exception("the history could not be written")

    def append(self, found: tuple[Line, ...], *, durably: bool) -> None:
        """Write the lines that are not left out; OSError as the disk gives it is counted and logged once."""
        last = self._opened()
        data = b""
        for line in found:
            self._recent, kept = core.thinned(self._recent, line)
            if kept is not None:
                last += 1
                data += msgspec.json.encode(msgspec.structs.replace(kept, n=last)) + b"\n"
        if not data:
            return
        try:
            self._write(data, durably)
        except OSError as why:
            if not self.failed:
                logger.warning("%s: the history cannot be written: %s", self._directory / CURRENT, why.strerror or why)
            self.failed += len(found)
        self._last = last

    def _opened(self) -> int:
        if self._last is None:
            told = read_history(self._directory)
            for line in told.lines:
                self._recent, _ = core.thinned(self._recent, line)
            self._last = told.lines[-1].n if told.lines else 0
        return self._last

    def _write(self, data: bytes, durably: bool) -> None:
        path = self._directory / CURRENT
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(path, flags, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            # a line that a power cut or a full disk tore must not swallow this one
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            os.write(descriptor, b"\n" + data if torn else data)
            if durably:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if size + len(data) >= self._bytes_max:
            os.replace(path, self._directory / EARLIER)


def read_history(directory: Path) -> Told:
    """Both files' lines, oldest first; OSError if they are there and cannot be read. A writer may be at work."""
    found: list[Line] = []
    passed_over = 0
    for name in (EARLIER, CURRENT):
        for text in _lines_of(directory / name):
            try:
                found.append(msgspec.json.decode(text, type=Line))
            except msgspec.DecodeError:
                passed_over += 1
    return Told(tuple(found), passed_over)


def _lines_of(path: Path) -> list[bytes]:
    try:
        with path.open("rb") as file:
            data = file.read(4 * FILE_BYTES_MAX)
    except FileNotFoundError:
        return []
    return [line for line in data.split(b"\n") if line.strip() and len(line) <= LINE_BYTES_MAX]

"""The file of a push that can be gone on with: locked while it runs, and on disk after each host."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from pyv_fleet.core.push import HostResult, PushError
from pyv_fleet.core.push_record import Record, Subject, proved_line, read_record, result_line, subject_line
from pyv_fleet.durable import sync_directory


class PushFile:
    """One push's record. PushError if the file is another's, or of a push that runs; OSError passes through."""

    def __init__(self, path: Path, subject: Subject) -> None:
        new = not path.exists()
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            self._lock(path)
            self.record = self._opened(path, subject)
        except BaseException:
            self.close()
            raise
        if new:
            sync_directory(path.parent)

    def close(self) -> None:
        """Let others have it."""
        os.close(self._descriptor)

    def note(self, result: HostResult) -> None:
        """On disk when this returns."""
        self._append(result_line(result))

    def note_proved(self) -> None:
        """The same for the canaries' proof."""
        self._append(proved_line())

    def _lock(self, path: Path) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PushError(f"{path}: another push runs with this file") from None

    def _opened(self, path: Path, subject: Subject) -> Record:
        data = b""
        while piece := os.read(self._descriptor, 1024 * 1024):
            data += piece
        if not data.strip():
            os.ftruncate(self._descriptor, 0)
            self._append(subject_line(subject))
            return Record(subject=subject)
        try:
            record, whole = read_record(data)
        except PushError as why:
            raise PushError(f"{path}: {why}") from None
        os.ftruncate(self._descriptor, whole)  # what a kill cut off in the middle
        return record

    def _append(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]
        os.fsync(self._descriptor)

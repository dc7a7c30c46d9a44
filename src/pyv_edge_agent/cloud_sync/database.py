"""The queue's SQLite file as a place for short transactions: WAL with `synchronous=FULL`, through damage and moves."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

from pyv_edge_agent.cloud_sync import damage, schema, totals
from pyv_edge_agent.cloud_sync.interface import QueueError, QueueFull

logger = logging.getLogger(__name__)

BUSY_SECONDS: Final = 5.0
#: The log is folded in at about this size and cut back to it; it is also what is left to write in on a full disk.
WAL_BYTES: Final = 4 * 1024 * 1024
_TRIES: Final = 4

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]


class Database:
    """One connection, used by one thread at a time (a lock), beside other processes (SQLite's own locks).

    A file that is found broken, at opening or in the middle of its life, is set aside, a fresh one begun, and the work
    done again there; `quarantine=False` raises QueueError instead, for whoever only looks.
    """

    def __init__(self, path: Path, *, quarantine: bool = True, patient: bool = False) -> None:
        """QueueError if the file cannot be opened, unless `patient`: then each work tries to open it again."""
        self.path = path
        self._quarantine = quarantine
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = None
        self._identity: damage.Identity | None = None
        self._closed = False
        self._to_count = 0
        try:
            self.read(lambda db: None)
        except QueueError as why:
            if not patient:
                raise
            logger.error("%s; it is tried again", why)

    def write(self, work: Work[T]) -> T:
        """`work` in one transaction, durable when this returns. It may be called again, so it only touches `db`.

        QueueFull if the disk has no room, QueueError for all else; then nothing of it was done.
        """
        return self._done(work, "BEGIN IMMEDIATE")

    def read(self, work: Work[T]) -> T:
        """`work` over one consistent state; it writes nothing."""
        return self._done(work, "BEGIN")

    def fold(self) -> None:
        """Fold the log into the file, so that its room can be used again; no error if that fails."""
        with self._lock, suppress(sqlite3.Error):
            if self._db is not None:
                self._db.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()

    def close(self) -> None:
        """Close the file; SQLite folds the log in. What is asked afterwards is a QueueError."""
        with self._lock:
            self._closed = True
            self._disconnect()

    def _done(self, work: Work[T], begin: str) -> T:
        with self._lock:
            for left in reversed(range(_TRIES)):
                try:
                    result = self._transact(work, begin)
                except (sqlite3.Error, OSError, UnicodeDecodeError) as why:
                    self._mend(why, left)
                    continue
                # Another process may have set the file aside while we wrote to it: then it went with it.
                if begin == "BEGIN" or not self._is_moved() or not left:
                    return result
            raise QueueError(f"queue {self.path}: it is set aside again and again")

    def _transact(self, work: Work[T], begin: str) -> T:
        db = self._connected()
        db.execute(begin)
        try:
            result = work(db)
            db.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                if db.in_transaction:
                    db.execute("ROLLBACK")
            raise
        return result

    def _connected(self) -> sqlite3.Connection:
        if self._closed:
            raise QueueError(f"queue {self.path} is closed")
        if self._db is not None and self._is_moved():
            logger.warning("queue %s was replaced by another process; going on with the new file", self.path)
            self._disconnect()
        if self._db is None:
            with damage.directory_lock(self.path, alone=False):
                self._db = self._open()
        return self._db

    def _open(self) -> sqlite3.Connection:
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))  # what is queued is private
        self._identity = damage.identity_of(self.path)
        db = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        db.text_factory = _text_of
        try:
            db.execute("PRAGMA journal_mode=WAL").fetchall()
            db.execute("PRAGMA synchronous=FULL")
            db.execute(f"PRAGMA journal_size_limit={WAL_BYTES}").fetchall()
            db.execute("PRAGMA cell_size_check=ON")
            schema.prepare(db)
            if self._to_count:
                totals.put(db, totals.SET_ASIDE, self._to_count)
                self._to_count = 0
        except BaseException:
            db.close()
            raise
        return db

    def _mend(self, why: sqlite3.Error | OSError | UnicodeDecodeError, left: int) -> None:
        """Set a broken file aside so that the work can be done again; else raise what was wrong as a QueueError."""
        if damage.is_damage(why) and self._quarantine and left:
            self._disconnect()
            self._begin_anew(why)
            return
        kind = QueueFull if isinstance(why, sqlite3.Error) and damage.is_full(why) else QueueError
        raise kind(f"queue {self.path}: {why}") from why

    def _begin_anew(self, why: Exception) -> None:
        try:
            aside = damage.set_aside(self.path, self._identity)
        except OSError as fault:
            raise QueueError(f"queue {self.path}: {why}, and it cannot be set aside: {fault}") from fault
        if aside is not None:
            self._to_count = damage.number_of(aside)
            logger.error("queue %s: %s; it is set aside as %s, a fresh one is begun", self.path, why, aside.name)

    def _is_moved(self) -> bool:
        return damage.identity_of(self.path) != self._identity

    def _disconnect(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            with suppress(sqlite3.Error):
                db.close()


def _text_of(data: bytes) -> str:
    return data.decode("utf-8", "replace")

"""Batches in the file: what goes out together has a name on disk before the first try, and keeps it until it is taken.

Their members do not change, so that the other side can tell a repetition by its name: neither the bound nor a ttl takes
one out. Only an answer that says so splits a batch, and its halves are batches with names of their own.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from pyv_edge_agent.cloud_sync import letters, totals
from pyv_edge_agent.cloud_sync.database import Database
from pyv_edge_agent.cloud_sync.interface import Batch
from pyv_edge_agent.cloud_sync.moment import Moment
from pyv_edge_agent.cloud_sync.storage import DUE, FREE, OUTLIVED, payload_of
from pyvorin_edge.vocabulary import UploadFailure

#: A batch is closed when its payloads exceed this; a single larger item travels alone.
BATCH_BYTES_MAX: Final = 512 * 1024


class BatchStorage:
    """Every statement about batches. A result for a batch that another sender holds by now changes nothing."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def lease(self, now: Moment, seconds: float, limit: int, name: str, lease: str) -> Batch | None:
        """The most urgent batch that is due, or a new one named `name`-<first id>; none if nothing is due."""

        def take(db: sqlite3.Connection) -> Batch | None:
            batch_id = _next(db, now, limit, name)
            if batch_id is None:
                return None
            db.execute(
                "UPDATE sync_queue SET lease = ?, lease_boot = ?, lease_until = ? WHERE batch_id = ?",
                (lease, now.boot, now.uptime + seconds, batch_id),
            )
            return _read(db, batch_id, lease)

        return self._db.write(take)

    def is_due(self, now: Moment) -> bool:
        """Whether a batch waits for a sender."""
        return self._db.read(lambda db: _due(db, now) is not None)

    def delete(self, batch: Batch, wall: float) -> int:
        """Forget a batch that was taken, and count it as sent today (UTC); how many items.

        Also if its lease is over by now: it *was* taken, and a batch's members never change.
        """

        def forget(db: sqlite3.Connection) -> int:
            gone = db.execute("DELETE FROM sync_queue WHERE batch_id = ?", (batch.batch_id,)).rowcount
            totals.count_sent(db, gone, wall)
            totals.note(db, "last_error", None)
            totals.note(db, "last_failure", None)
            return gone

        return self._db.write(forget)

    def postpone(
        self, batch: Batch, until: float, reason: str, wall: float, failure: UploadFailure | None = None
    ) -> None:
        """Count a failed try and hold the batch back until then (Unix seconds)."""

        def hold(db: sqlite3.Connection) -> None:
            db.execute(
                "UPDATE sync_queue SET retry_count = retry_count + 1, next_retry_at = ?, lease = NULL "
                "WHERE batch_id = ? AND lease = ?",
                (until, batch.batch_id, batch.lease),
            )
            _note_error(db, reason, wall, failure)

        self._db.write(hold)

    def split(self, batch: Batch, reason: str, wall: float, failure: UploadFailure | None = None) -> None:
        """Make two batches of it, each of which may be tried at once."""

        def halve(db: sqlite3.Connection) -> None:
            ids = _members(db, batch)
            half = len(ids) // 2
            for letter, part in (("a", ids[:half]), ("b", ids[half:])):
                db.executemany(
                    "UPDATE sync_queue SET batch_id = ?, lease = NULL, next_retry_at = 0, "
                    "retry_count = retry_count + 1 WHERE id = ?",
                    [(batch.batch_id + letter, one) for one in part],
                )
            _note_error(db, reason, wall, failure)

        self._db.write(halve)

    def bury(self, batch: Batch, reason: str, wall: float, most: int, failure: UploadFailure | None = None) -> None:
        """Move what is in it to the dead letters, of which at most `most` are kept."""

        def move(db: sqlite3.Connection) -> None:
            letters.bury(db, _members(db, batch), reason, wall, most)
            _note_error(db, reason, wall, failure)

        self._db.write(move)

    def release(self, lease: str) -> None:
        """Give a batch back untried."""
        self._db.write(lambda db: db.execute("UPDATE sync_queue SET lease = NULL WHERE lease = ?", (lease,)))

    def forgive(self) -> None:
        """Let every batch be tried at once: the address or the key is a new one, or a person asked."""
        held = "FROM sync_queue WHERE batch_id IS NOT NULL AND next_retry_at > 0"
        if self._db.read(lambda db: db.execute(f"SELECT EXISTS (SELECT 1 {held})").fetchone()[0]):
            self._db.write(lambda db: db.execute("UPDATE sync_queue SET next_retry_at = 0 WHERE batch_id IS NOT NULL"))


def _next(db: sqlite3.Connection, now: Moment, limit: int, name: str) -> str | None:
    """An old batch goes before a new one, unless something more urgent waits outside: an outage makes few batches."""
    old = _due(db, now)
    if old is None:
        return _new(db, now, limit, name)
    outside = db.execute(
        f"SELECT priority FROM sync_queue WHERE batch_id IS NULL AND {FREE} AND {DUE} ORDER BY priority, id LIMIT 1",
        msgspec.structs.asdict(now),
    ).fetchone()
    if outside is not None and outside[0] < old[0]:
        return _new(db, now, limit, name) or str(old[1])
    return str(old[1])


def _due(db: sqlite3.Connection, now: Moment) -> tuple[int, str] | None:
    """The most urgent batch that is free and due, with its priority."""
    found: tuple[int, str] | None = db.execute(
        f"SELECT min(priority) AS urgent, batch_id FROM sync_queue WHERE batch_id IS NOT NULL AND {FREE} AND {DUE} "
        "GROUP BY batch_id ORDER BY urgent, min(id) LIMIT 1",
        msgspec.structs.asdict(now),
    ).fetchone()
    return found


def _new(db: sqlite3.Connection, now: Moment, limit: int, name: str) -> str | None:
    rows = db.execute(
        "SELECT id, length(CAST(payload AS BLOB)) FROM sync_queue "
        f"WHERE batch_id IS NULL AND {FREE} AND {DUE} AND NOT coalesce({OUTLIVED}, 0) "
        "ORDER BY priority, id LIMIT :limit",
        {**msgspec.structs.asdict(now), "limit": limit},
    ).fetchall()
    ids = _within_bytes(rows)
    if not ids:
        return None
    batch_id = f"{name}-{ids[0]}"
    db.executemany("UPDATE sync_queue SET batch_id = ? WHERE id = ?", [(batch_id, one) for one in ids])
    return batch_id


def _read(db: sqlite3.Connection, batch_id: str, lease: str) -> Batch:
    rows: list[tuple[Any, ...]] = db.execute(
        "SELECT payload, retry_count FROM sync_queue WHERE batch_id = ? ORDER BY priority, id", (batch_id,)
    ).fetchall()
    tries = max(row[1] for row in rows)
    return Batch((payload_of(row[0]) for row in rows), batch_id, lease=lease, tries=tries)


def _members(db: sqlite3.Connection, batch: Batch) -> list[int]:
    held = (batch.batch_id, batch.lease)
    return [
        row[0]
        for row in db.execute("SELECT id FROM sync_queue WHERE batch_id = ? AND lease = ? ORDER BY priority, id", held)
    ]


def _note_error(db: sqlite3.Connection, reason: str, wall: float, failure: UploadFailure | None) -> None:
    totals.note(db, "last_error", reason)
    totals.note(db, "last_failure", failure)
    totals.put(db, "last_error_time", wall)


def _within_bytes(rows: Sequence[tuple[int, int]]) -> list[int]:
    ids: list[int] = []
    total = 0
    for number, size in rows:
        total += size
        if ids and total > BATCH_BYTES_MAX:
            break
        ids.append(number)
    return ids

"""The queue's SQLite file: one connection, short transactions, WAL with `synchronous=FULL`. Times are Unix seconds."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from pyv_edge_agent.cloud_sync.interface import Batch, Priority, QueueError, QueueItem

#: A batch is closed when its payloads exceed this; a single larger item travels alone.
BATCH_BYTES_MAX: Final = 512 * 1024
#: Further ahead than any back-off or lease: the clock was set back since, so the item is due.
HORIZON_SECONDS: Final = 3600.0
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS sync_queue (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    payload TEXT NOT NULL,
    priority INTEGER NOT NULL,
    created_at REAL NOT NULL,
    ttl_seconds REAL,
    retry_count INTEGER NOT NULL DEFAULT 0,
    next_retry_at REAL NOT NULL DEFAULT 0,
    batch_id TEXT
);
CREATE INDEX IF NOT EXISTS sync_queue_due ON sync_queue (priority, next_retry_at);
CREATE INDEX IF NOT EXISTS sync_queue_batch ON sync_queue (batch_id) WHERE batch_id IS NOT NULL;
CREATE TABLE IF NOT EXISTS sync_totals (name TEXT PRIMARY KEY, value REAL NOT NULL);
"""
_COLUMNS: Final = "id, payload, priority, created_at, ttl_seconds, retry_count, next_retry_at"
_DUE: Final = "(next_retry_at <= :now OR next_retry_at > :now + :horizon)"

Row = tuple[str, int, float, float | None]


class QueueStorage:
    """Every statement of the queue. Safe across threads (one lock) and processes (SQLite's own locks)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        with self._as_queue_error():
            os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))  # what is queued is private
            self._db = sqlite3.connect(path, timeout=10.0, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(_SCHEMA)

    def insert(self, rows: Sequence[Row]) -> None:
        """Add (payload, priority, created_at, ttl_seconds) rows, on disk when this returns."""
        with self._transaction() as db:
            db.executemany(
                "INSERT INTO sync_queue (payload, priority, created_at, ttl_seconds) VALUES (?, ?, ?, ?)", rows
            )

    def peek(self, now: float, limit: int) -> list[QueueItem]:
        """The items that would be leased next, untouched."""
        with self._lock, self._as_queue_error():
            found = self._db.execute(
                f"SELECT {_COLUMNS} FROM sync_queue "
                f"WHERE batch_id IS NULL AND {_DUE} ORDER BY priority, id LIMIT :limit",
                {"now": now, "horizon": HORIZON_SECONDS, "limit": limit},
            )
            return [_item_of(row) for row in found]

    def lease(self, now: float, until: float, limit: int) -> list[QueueItem]:
        """Take the next items until `until`: a taker that dies gives them back by that time alone."""
        with self._transaction() as db:
            items = self.peek(now, limit)
            db.executemany("UPDATE sync_queue SET next_retry_at = ? WHERE id = ?", [(until, item.id) for item in items])
        return items

    def lease_batch(self, now: float, until: float, limit: int, name: str) -> Batch | None:
        """The oldest batch that is due, or a new one named `name`-<first id> made durable; none if nothing is due."""
        with self._transaction() as db:
            batch_id = self._due_batch(now) or self._new_batch(now, limit, name)
            if batch_id is None:
                return None
            db.execute("UPDATE sync_queue SET next_retry_at = ? WHERE batch_id = ?", (until, batch_id))
            rows = db.execute("SELECT payload FROM sync_queue WHERE batch_id = ? ORDER BY priority, id", (batch_id,))
            return Batch((json.loads(payload) for (payload,) in rows), batch_id)

    def has_due_batch(self, now: float) -> bool:
        """Whether a batch that failed before is due again."""
        with self._lock, self._as_queue_error():
            return self._due_batch(now) is not None

    def delete(self, ids: Sequence[int]) -> None:
        """Forget items."""
        with self._transaction() as db:
            db.executemany("DELETE FROM sync_queue WHERE id = ?", [(one,) for one in ids])

    def delete_batch(self, batch_id: str, now: float) -> None:
        """Forget a batch that was taken, and count it as sent today (UTC)."""
        with self._transaction() as db:
            sent = db.execute("DELETE FROM sync_queue WHERE batch_id = ?", (batch_id,)).rowcount
            before = self._totals().get("sent_today", 0.0) if self._totals().get("sent_day") == now // 86400 else 0.0
            self._set_totals(last_flush_time=now, sent_day=now // 86400, sent_today=before + sent)

    def delete_expired(self, now: float) -> int:
        """Forget what outlived its ttl and is in no batch; how many."""
        with self._transaction() as db:
            return db.execute(
                "DELETE FROM sync_queue WHERE batch_id IS NULL AND created_at + ttl_seconds < ?", (now,)
            ).rowcount

    def postpone(self, ids: Sequence[int], until: float) -> None:
        """Count a failed try of items and hold them back until then."""
        with self._transaction() as db:
            db.executemany(
                "UPDATE sync_queue SET retry_count = retry_count + 1, next_retry_at = ? WHERE id = ?",
                [(until, one) for one in ids],
            )

    def postpone_batch(self, batch_id: str, until: float) -> None:
        """The same for a batch, which stays together."""
        with self._transaction() as db:
            db.execute(
                "UPDATE sync_queue SET retry_count = retry_count + 1, next_retry_at = ? WHERE batch_id = ?",
                (until, batch_id),
            )

    def tries(self, batch_id: str) -> int:
        """How often a batch failed."""
        return int(self._one("SELECT coalesce(max(retry_count), 0) FROM sync_queue WHERE batch_id = ?", batch_id) or 0)

    def count(self, at_most_priority: Priority = Priority.LOGS) -> int:
        """How many items wait whose priority is that or more urgent."""
        return int(self._one("SELECT count(*) FROM sync_queue WHERE priority <= ?", int(at_most_priority)) or 0)

    def stats(self) -> tuple[int, float | None, dict[str, float]]:
        """Retries of what waits, when its oldest item was made, and the totals."""
        with self._lock, self._as_queue_error():
            retries, oldest = self._db.execute(
                "SELECT coalesce(sum(retry_count), 0), min(created_at) FROM sync_queue"
            ).fetchone()
            return int(retries), oldest, self._totals()

    def close(self) -> None:
        """Close the file; SQLite folds the WAL in."""
        with self._lock:
            self._db.close()

    def _due_batch(self, now: float) -> str | None:
        found: str | None = self._one(
            f"SELECT batch_id FROM sync_queue WHERE batch_id IS NOT NULL AND {_DUE} ORDER BY id LIMIT 1",
            {"now": now, "horizon": HORIZON_SECONDS},
        )
        return found

    def _new_batch(self, now: float, limit: int, name: str) -> str | None:
        rows = self._db.execute(
            "SELECT id, length(CAST(payload AS BLOB)) FROM sync_queue "
            f"WHERE batch_id IS NULL AND {_DUE} ORDER BY priority, id LIMIT :limit",
            {"now": now, "horizon": HORIZON_SECONDS, "limit": limit},
        ).fetchall()
        ids = _within_bytes(rows)
        if not ids:
            return None
        batch_id = f"{name}-{ids[0]}"
        self._db.executemany("UPDATE sync_queue SET batch_id = ? WHERE id = ?", [(batch_id, one) for one in ids])
        return batch_id

    def _totals(self) -> dict[str, float]:
        return dict(self._db.execute("SELECT name, value FROM sync_totals").fetchall())

    def _set_totals(self, **values: float) -> None:
        self._db.executemany("INSERT OR REPLACE INTO sync_totals (name, value) VALUES (?, ?)", list(values.items()))

    def _one(self, statement: str, argument: Any) -> Any:
        with self._lock, self._as_queue_error():
            row = self._db.execute(statement, argument if isinstance(argument, dict) else (argument,)).fetchone()
            return row[0] if row else None

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._as_queue_error():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _as_queue_error(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as why:
            raise QueueError(f"queue {self.path}: {why}") from why


def _item_of(row: tuple[Any, ...]) -> QueueItem:
    number, payload, priority, created_at, ttl_seconds, retry_count, next_retry_at = row
    return QueueItem(
        id=number,
        payload=json.loads(payload),
        priority=Priority(priority),
        created_at=created_at,
        ttl_seconds=ttl_seconds,
        retry_count=retry_count,
        next_retry_at=next_retry_at,
    )


def _within_bytes(rows: Sequence[tuple[int, int]]) -> list[int]:
    ids: list[int] = []
    total = 0
    for number, size in rows:
        total += size
        if ids and total > BATCH_BYTES_MAX:
            break
        ids.append(number)
    return ids

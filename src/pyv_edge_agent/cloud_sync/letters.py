"""Dead letters: items that the cloud will never take, kept with the reason, few enough for a person to look at."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from pyv_edge_agent.cloud_sync import totals
from pyv_edge_agent.cloud_sync.database import Database
from pyv_edge_agent.cloud_sync.interface import DeadLetter, Priority
from pyv_edge_agent.cloud_sync.storage import payload_of

KEPT_MAX: Final = 1000
REASON_LETTERS_MAX: Final = 200


def bury(db: sqlite3.Connection, ids: Sequence[int], reason: str, wall: float, most: int) -> None:
    """Move items of the queue to the dead letters, within the caller's transaction; beyond `most` old ones go."""
    for one in ids:
        db.execute(
            "INSERT INTO sync_dead (payload, priority, created_at, died_at, retry_count, reason) "
            "SELECT payload, priority, created_at, ?, retry_count + 1, ? FROM sync_queue WHERE id = ?",
            (wall, reason[:REASON_LETTERS_MAX], one),
        )
        db.execute("DELETE FROM sync_queue WHERE id = ?", (one,))
    totals.add(db, totals.DEAD, len(ids))
    beyond = max(0, _count(db) - most)
    if beyond:
        db.execute(
            "DELETE FROM sync_dead WHERE id IN (SELECT id FROM sync_dead ORDER BY priority DESC, id LIMIT ?)", (beyond,)
        )
        totals.add(db, totals.DEAD_DROPPED, beyond)


class DeadLetters:
    """What a person does with them."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def list(self, limit: int = KEPT_MAX) -> list[DeadLetter]:
        """The newest first."""

        def look(db: sqlite3.Connection) -> list[DeadLetter]:
            rows = db.execute(
                "SELECT id, payload, priority, created_at, died_at, retry_count, reason FROM sync_dead "
                "ORDER BY id DESC LIMIT ?",
                (limit,),
            )
            return [_letter_of(row) for row in rows]

        return self._db.read(look)

    def count(self) -> int:
        """How many are kept."""
        return self._db.read(_count)

    def retry(self, ids: Sequence[int] | None = None) -> int:
        """Put these, or all, back into the queue as if they were new and without a ttl; how many."""

        def back(db: sqlite3.Connection) -> int:
            chosen = _chosen(db, ids)
            for one in chosen:
                db.execute(
                    "INSERT INTO sync_queue (payload, priority, created_at, retry_count, next_retry_at) "
                    "SELECT payload, priority, created_at, 0, 0 FROM sync_dead WHERE id = ?",
                    one,
                )
            db.executemany("DELETE FROM sync_dead WHERE id = ?", chosen)
            return len(chosen)

        return self._db.write(back)

    def purge(self, ids: Sequence[int] | None = None) -> int:
        """Forget these, or all; how many."""

        def forget(db: sqlite3.Connection) -> int:
            chosen = _chosen(db, ids)
            db.executemany("DELETE FROM sync_dead WHERE id = ?", chosen)
            return len(chosen)

        return self._db.write(forget)


def _count(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT count(*) FROM sync_dead").fetchone()[0])


def _chosen(db: sqlite3.Connection, ids: Sequence[int] | None) -> list[tuple[int]]:
    kept: list[tuple[int]] = db.execute("SELECT id FROM sync_dead ORDER BY id").fetchall()
    return kept if ids is None else [row for row in kept if row[0] in ids]


def _letter_of(row: tuple[object, ...]) -> DeadLetter:
    number, payload, priority, created_at, died_at, retry_count, reason = row
    return DeadLetter(
        id=int(str(number)),
        payload=payload_of(str(payload)),
        priority=Priority(int(str(priority))),
        created_at=float(str(created_at)),
        died_at=float(str(died_at)),
        retry_count=int(str(retry_count)),
        reason=str(reason),
    )

"""The table of items: putting in within the bound, offering, leasing, giving back, forgetting. Times: moment.py."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec

from pyv_edge_agent.cloud_sync import totals
from pyv_edge_agent.cloud_sync.database import Database
from pyv_edge_agent.cloud_sync.interface import Priority, QueueFull, QueueItem
from pyv_edge_agent.cloud_sync.moment import Moment

#: Further ahead than any back-off: the wall clock was set back since, so the item is due.
HORIZON_SECONDS: Final = 2 * 3600.0
FREE: Final = "(lease IS NULL OR lease_boot IS NOT :boot OR lease_until <= :uptime)"
#: The `+` keeps SQLite from an index whose rows would have to be sorted.
DUE: Final = f"(+next_retry_at <= :wall OR +next_retry_at > :wall + {HORIZON_SECONDS})"
#: Age is what has surely passed: in the same boot by boot time; over a boot by the wall clock if it could be believed
#: both times, else only this boot's uptime. A clock that jumps ages nothing.
OUTLIVED: Final = (
    "ttl_seconds IS NOT NULL AND ttl_seconds < CASE WHEN boot IS :boot THEN :uptime - born "
    "WHEN synced AND :synced THEN max(:wall - created_at, :uptime) ELSE :uptime END"
)
_COLUMNS: Final = "id, payload, priority, created_at, ttl_seconds, retry_count, next_retry_at, lease"


class Row(msgspec.Struct, frozen=True):
    """An item before it is in the file."""

    payload: str
    priority: Priority
    made: Moment
    ttl_seconds: float | None = None


class Bound(msgspec.Struct, frozen=True):
    """How much may wait, as items and as bytes of payload."""

    items: int = 100_000
    bytes: int = 64 * 1024 * 1024


class QueueStorage:
    """Every statement about single items. Safe across threads and processes, by `Database`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def insert(self, rows: Sequence[Row], bound: Bound = Bound()) -> None:  # noqa: B008 - frozen
        """Add rows, on disk when this returns. Beyond the bound the least urgent and of them the oldest go, counted.

        QueueFull if an urgent row finds no room, because all that waits is as urgent, or because the disk is full.
        """
        try:
            self._db.write(lambda db: _insert(db, rows, bound))
        except QueueFull:
            self._db.fold()  # on a full disk the log's own room can be used again
            self._db.write(lambda db: _insert(db, rows, bound))

    def peek(self, now: Moment, limit: int) -> list[QueueItem]:
        """The items that would be leased next, untouched."""
        return self._db.read(lambda db: [_item_of(row) for row in _offered(db, now, limit)])

    def lease(self, now: Moment, seconds: float, limit: int, lease: str) -> list[QueueItem]:
        """Take the next items for so long under the name `lease`: a taker that dies gives them back by that time."""

        def take(db: sqlite3.Connection) -> list[QueueItem]:
            rows = _offered(db, now, limit)
            db.executemany(
                "UPDATE sync_queue SET lease = ?, lease_boot = ?, lease_until = ? WHERE id = ?",
                [(lease, now.boot, now.uptime + seconds, row[0]) for row in rows],
            )
            return [msgspec.structs.replace(_item_of(row), lease=lease) for row in rows]

        return self._db.write(take)

    def delete(self, leased: Iterable[tuple[int, str]]) -> int:
        """Forget items by id and lease; how many. One that another taker holds by now is left alone."""
        pairs = list(leased)
        return self._db.write(_each("DELETE FROM sync_queue WHERE id = ? AND lease = ?", pairs))

    def postpone(self, items: Iterable[tuple[QueueItem, float]]) -> int:
        """Count a failed try of items and hold each back until then (Unix seconds); how many, as `delete`."""
        pairs = [(until, item.id, item.lease) for item, until in items]
        return self._db.write(
            _each(
                "UPDATE sync_queue SET retry_count = retry_count + 1, next_retry_at = ?, lease = NULL "
                "WHERE id = ? AND lease = ?",
                pairs,
            )
        )

    def release(self, leases: Sequence[str]) -> None:
        """Give back at once all that is leased under these names."""
        self._db.write(_each("UPDATE sync_queue SET lease = NULL WHERE lease = ?", [(one,) for one in leases]))

    def delete_expired(self, now: Moment) -> int:
        """Forget what outlived its ttl and is neither in a batch nor leased; how many. Looks first: idle, it writes
        nothing."""
        which = f"batch_id IS NULL AND {FREE} AND {OUTLIVED}"
        moment = msgspec.structs.asdict(now)
        asked = f"SELECT EXISTS (SELECT 1 FROM sync_queue WHERE {which})"
        if not self._db.read(lambda db: db.execute(asked, moment).fetchone()[0]):
            return 0

        def forget(db: sqlite3.Connection) -> int:
            gone = db.execute(f"DELETE FROM sync_queue WHERE {which}", moment).rowcount
            totals.add(db, totals.EXPIRED, gone)
            return gone

        return self._db.write(forget)


def payload_of(text: str) -> Any:
    """The payload of a stored text; one that a bad block garbled stands as the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _offered(db: sqlite3.Connection, now: Moment, limit: int) -> list[tuple[Any, ...]]:
    return db.execute(
        f"SELECT {_COLUMNS} FROM sync_queue WHERE batch_id IS NULL AND {FREE} AND {DUE} "
        f"AND NOT coalesce({OUTLIVED}, 0) ORDER BY priority, id LIMIT :limit",
        {**msgspec.structs.asdict(now), "limit": limit},
    ).fetchall()


def _insert(db: sqlite3.Connection, rows: Sequence[Row], bound: Bound) -> None:
    db.executemany(
        "INSERT INTO sync_queue "
        "(payload, priority, created_at, ttl_seconds, born, boot, synced, retry_count, next_retry_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0)",
        [
            (row.payload, int(row.priority), row.made.wall, row.ttl_seconds, row.made.uptime, row.made.boot,
             row.made.synced)
            for row in rows
        ],
    )  # fmt: skip
    _keep_within(db, bound, urgent=_urgent(rows))


def _keep_within(db: sqlite3.Connection, bound: Bound, urgent: Priority | None) -> None:
    for priority in _may_go(urgent):
        items, size = _excess(db, bound)
        if items <= 0 and size <= 0:
            return
        _evict(db, priority, items, size)
    items, size = _excess(db, bound)
    if urgent is not None and (items > 0 or size > 0):
        raise QueueFull(
            f"the queue holds its {bound.items} items or {bound.bytes} bytes of what is as urgent: "
            "raise cloud.queue.max_items or max_megabytes, or let it flush"
        )


def _urgent(rows: Sequence[Row]) -> Priority | None:
    """The least urgent of rows that are all urgent: what it may not push out, it must not."""
    least = max((row.priority for row in rows), default=Priority.LOGS)
    return least if least <= Priority.ANOMALY else None


def _may_go(urgent: Priority | None) -> tuple[Priority, ...]:
    """What may be evicted, first first. ANOMALY goes only for CRITICAL, and CRITICAL never."""
    common = (Priority.LOGS, Priority.TELEMETRY)
    return (*common, Priority.ANOMALY) if urgent is Priority.CRITICAL else common


def _excess(db: sqlite3.Connection, bound: Bound) -> tuple[int, int]:
    held = totals.depth(db).values()
    return sum(items for items, _ in held) - bound.items, sum(size for _, size in held) - bound.bytes


def _evict(db: sqlite3.Connection, priority: Priority, items: int, size: int) -> int:
    """Forget the oldest of a priority until so many items and bytes are gone, or all; how many. Batches stay whole."""
    victims: list[tuple[int]] = []
    found = db.execute(
        "SELECT id, length(CAST(payload AS BLOB)) FROM sync_queue WHERE batch_id IS NULL AND priority = ? ORDER BY id",
        (int(priority),),
    )
    for number, length in found:
        if items <= 0 and size <= 0:
            break
        victims.append((number,))
        items -= 1
        size -= length
    db.executemany("DELETE FROM sync_queue WHERE id = ?", victims)
    totals.add(db, totals.evicted_name(priority), len(victims))
    return len(victims)


def _each(statement: str, arguments: Sequence[tuple[Any, ...]]) -> Callable[[sqlite3.Connection], int]:
    return lambda db: db.executemany(statement, arguments).rowcount if arguments else 0


def _item_of(row: tuple[Any, ...]) -> QueueItem:
    number, payload, priority, created_at, ttl_seconds, retry_count, next_retry_at, lease = row
    return QueueItem(
        id=number,
        payload=payload_of(payload),
        priority=Priority(min(max(priority, Priority.CRITICAL), Priority.LOGS)),
        created_at=created_at,
        ttl_seconds=ttl_seconds,
        retry_count=retry_count,
        next_retry_at=next_retry_at,
        lease=lease,
    )

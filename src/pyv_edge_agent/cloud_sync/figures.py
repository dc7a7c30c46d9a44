"""What the queue says of itself: cheap at any depth, so that /health may ask every second."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from pyv_edge_agent.cloud_sync import totals
from pyv_edge_agent.cloud_sync.breaker import Breaker
from pyv_edge_agent.cloud_sync.database import Database
from pyv_edge_agent.cloud_sync.interface import Priority
from pyv_edge_agent.cloud_sync.moment import Moment
from pyv_edge_agent.cloud_sync.storage import Row
from pyvorin_edge.vocabulary import BreakerState


class QueueFigures(msgspec.Struct, frozen=True, kw_only=True):
    """`get_stats`, beside what only its own process knows. Counters count since the file was begun."""

    #: items that wait
    depth: int
    #: failed tries of what waits
    total_retries: int
    #: Unix seconds; of the item that waits longest, corrected if the clock was set since
    oldest_item_timestamp: float | None
    #: Unix seconds; none = never
    last_flush_time: float | None
    #: since midnight UTC
    messages_sent_today: int
    #: what waits, by priority
    by_priority: dict[str, int]
    #: bytes of payload that wait
    payload_bytes: int
    #: what the bound pushed out, by priority
    evicted: dict[str, int]
    #: items whose ttl was over
    expired: int
    #: dead letters kept
    dead_letters: int
    #: items that ever became dead letters, and of those how many were dropped for the newer
    dead_letters_total: int
    dead_letters_dropped: int
    #: broken files set aside before this one
    files_set_aside: int
    #: why the last try failed; none after one that was taken
    last_error: str | None
    #: of what kind, a word of UploadFailure
    last_failure: str | None
    #: Unix seconds
    last_error_time: float | None
    #: of this process
    breaker: BreakerState
    #: seconds until the next try
    breaker_seconds: float


def waiting(database: Database) -> int:
    """Items in the file."""
    return sum(depth(database).values())


def depth(database: Database) -> dict[int, int]:
    """Items in the file by priority."""
    return {priority: items for priority, (items, _) in database.read(totals.depth).items()}


def figures(
    database: Database, now: Moment, unwritten: Sequence[Row], breaker: Breaker, state: BreakerState
) -> QueueFigures:
    """All of it; `unwritten` are the rows that are not in the file yet."""
    known, notes, held, retries, oldest, dead = database.read(lambda db: _read(db, now))
    items = {priority: count for priority, (count, _) in held.items()}
    for row in unwritten:
        items[row.priority] = items.get(row.priority, 0) + 1
    ages = [*oldest, *(row.made.wall for row in unwritten[:1])]
    return QueueFigures(
        depth=sum(items.values()),
        total_retries=retries,
        oldest_item_timestamp=min(ages, default=None),
        last_flush_time=known.get("last_flush_time"),
        messages_sent_today=totals.sent_today(known, now.wall),
        by_priority=totals.by_priority(items),
        payload_bytes=sum(size for _, size in held.values()) + sum(len(row.payload) for row in unwritten),
        evicted=totals.by_priority({int(one): int(known.get(totals.evicted_name(one), 0)) for one in Priority}),
        expired=int(known.get(totals.EXPIRED, 0)),
        dead_letters=dead,
        dead_letters_total=int(known.get(totals.DEAD, 0)),
        dead_letters_dropped=int(known.get(totals.DEAD_DROPPED, 0)),
        files_set_aside=int(known.get(totals.SET_ASIDE, 0)),
        last_error=notes.get("last_error"),
        last_failure=notes.get("last_failure"),
        last_error_time=known.get("last_error_time") if "last_error" in notes else None,
        breaker=state,
        breaker_seconds=max(0.0, breaker.until - now.uptime) if breaker.reason else 0.0,
    )


Read = tuple[dict[str, float], dict[str, str], dict[int, tuple[int, int]], int, list[float], int]


def _read(db: sqlite3.Connection, now: Moment) -> Read:
    retries = db.execute("SELECT coalesce(sum(retry_count), 0) FROM sync_queue WHERE retry_count > 0").fetchone()[0]
    first = db.execute("SELECT created_at, born, boot FROM sync_queue ORDER BY id LIMIT 1").fetchone()
    dead = db.execute("SELECT count(*) FROM sync_dead").fetchone()[0]
    return totals.read(db), totals.notes(db), totals.depth(db), int(retries), _made(first, now), int(dead)


def _made(first: tuple[float, float | None, int | None] | None, now: Moment) -> list[float]:
    if first is None:
        return []
    created_at, born, boot = first
    if born is not None and boot == now.boot:
        return [now.wall - (now.uptime - born)]
    return [created_at]

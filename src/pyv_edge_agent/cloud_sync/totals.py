"""Counters and notes of the queue that outlive a restart. Each function works within the caller's transaction."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from pyv_edge_agent.cloud_sync.interface import Priority

_DAY_SECONDS: Final = 86400

#: names of the counters
EXPIRED: Final = "expired"
EVICTED: Final = "evicted"
DEAD: Final = "dead"
DEAD_DROPPED: Final = "dead_dropped"
SET_ASIDE: Final = "set_aside"


def add(db: sqlite3.Connection, name: str, count: float) -> None:
    """Add to a counter."""
    if count:
        db.execute(
            "INSERT INTO sync_totals VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
            (name, count),
        )


def put(db: sqlite3.Connection, name: str, value: float) -> None:
    """Set a figure."""
    db.execute("INSERT OR REPLACE INTO sync_totals VALUES (?, ?)", (name, value))


def note(db: sqlite3.Connection, name: str, text: str | None) -> None:
    """Set a note; none clears it."""
    if text is None:
        db.execute("DELETE FROM sync_notes WHERE name = ?", (name,))
    else:
        db.execute("INSERT OR REPLACE INTO sync_notes VALUES (?, ?)", (name, text))


def count_sent(db: sqlite3.Connection, sent: int, wall: float) -> None:
    """A batch was taken now (Unix seconds); days are UTC."""
    known = read(db)
    day = wall // _DAY_SECONDS
    before = known.get("sent_today", 0.0) if known.get("sent_day") == day else 0.0
    put(db, "last_flush_time", wall)
    put(db, "sent_day", day)
    put(db, "sent_today", before + sent)


def read(db: sqlite3.Connection) -> dict[str, float]:
    """All figures by name."""
    return dict(db.execute("SELECT name, value FROM sync_totals").fetchall())


def notes(db: sqlite3.Connection) -> dict[str, str]:
    """All notes by name."""
    return dict(db.execute("SELECT name, value FROM sync_notes").fetchall())


def sent_today(known: dict[str, float], wall: float) -> int:
    """Items taken since midnight UTC."""
    return int(known.get("sent_today", 0)) if known.get("sent_day") == wall // _DAY_SECONDS else 0


def depth(db: sqlite3.Connection) -> dict[int, tuple[int, int]]:
    """Items and bytes of payload that wait, by priority. Kept by triggers: it costs the same at any depth."""
    return {row[0]: (row[1], row[2]) for row in db.execute("SELECT priority, items, bytes FROM sync_depth")}


def evicted_name(priority: int) -> str:
    """The counter of what was evicted of a priority."""
    return f"{EVICTED}_{priority}"


def by_priority(figures: dict[Any, int]) -> dict[str, int]:
    """The same under the priorities' names."""
    return {one.name.lower(): figures.get(int(one), 0) for one in Priority}

"""Counters outlive a restart; a day is UTC's; depth follows every row, whoever writes it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from pyv_edge_agent.cloud_sync import totals
from pyv_edge_agent.cloud_sync.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "q.db")


def test_what_was_sent_today_begins_anew_at_midnight(database: Database) -> None:
    for wall in (86400.0, 86401.0, 2 * 86400.0):
        database.write(lambda db, wall=wall: totals.count_sent(db, 3, wall))  # type: ignore[misc]
    known = database.read(totals.read)
    assert known == {"last_flush_time": 172800.0, "sent_day": 2.0, "sent_today": 3.0}
    assert totals.sent_today(known, 2.5 * 86400) == 3
    assert totals.sent_today(known, 3 * 86400) == 0


def test_counters_add_up_and_notes_are_cleared(database: Database) -> None:
    def act(db: sqlite3.Connection) -> None:
        totals.add(db, "expired", 2)
        totals.add(db, "expired", 3)
        totals.note(db, "last_error", "x")
        totals.note(db, "last_error", None)

    database.write(act)
    assert database.read(totals.read) == {"expired": 5.0}
    assert database.read(totals.notes) == {}


def test_depth_follows_the_rows_in_items_and_bytes(database: Database) -> None:
    def rows(db: sqlite3.Connection) -> None:
        for payload, priority in (('"ä"', 3), ('"b"', 3), ('"c"', 1)):
            db.execute("INSERT INTO sync_queue (payload, priority, created_at) VALUES (?, ?, 1.0)", (payload, priority))
        db.execute("DELETE FROM sync_queue WHERE payload = '\"b\"'")

    database.write(rows)
    assert database.read(totals.depth) == {3: (1, 4), 1: (1, 3)}
    assert totals.by_priority({1: 1, 3: 1}) == {"critical": 1, "anomaly": 0, "telemetry": 1, "logs": 0}

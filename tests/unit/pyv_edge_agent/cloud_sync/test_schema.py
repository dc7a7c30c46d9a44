"""The article's table, whoever made the file; an older agent can go on with ours."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from pyv_edge_agent.cloud_sync.queue import CloudSyncQueue

ARTICLE = """CREATE TABLE sync_queue (id INTEGER PRIMARY KEY, payload TEXT, priority INTEGER, created_at REAL,
ttl_seconds REAL, retry_count INTEGER, next_retry_at REAL)"""
FORMER = """
CREATE TABLE sync_queue (id INTEGER PRIMARY KEY AUTOINCREMENT, payload TEXT NOT NULL, priority INTEGER NOT NULL,
    created_at REAL NOT NULL, ttl_seconds REAL, retry_count INTEGER NOT NULL DEFAULT 0,
    next_retry_at REAL NOT NULL DEFAULT 0, batch_id TEXT);
CREATE INDEX sync_queue_due ON sync_queue (priority, next_retry_at);
CREATE INDEX sync_queue_batch ON sync_queue (batch_id) WHERE batch_id IS NOT NULL;
CREATE TABLE sync_totals (name TEXT PRIMARY KEY, value REAL NOT NULL);
INSERT INTO sync_totals VALUES ('last_flush_time', 5.0);
INSERT INTO sync_queue (payload, priority, created_at, batch_id) VALUES ('"in a batch"', 3, 1.0, 'pyv-1-d-1');
INSERT INTO sync_queue (payload, priority, created_at) VALUES ('"free"', 3, 2.0);
"""


def columns(path: Path) -> set[str]:
    db = sqlite3.connect(path)
    found = {row[1] for row in db.execute("PRAGMA table_info(sync_queue)")}
    db.close()
    return found


def test_the_table_and_its_index_are_the_documented_ones(tmp_path: Path) -> None:
    CloudSyncQueue(tmp_path / "q.db").close()
    assert columns(tmp_path / "q.db") >= {
        "id", "payload", "priority", "created_at", "ttl_seconds", "retry_count", "next_retry_at",
    }  # fmt: skip
    db = sqlite3.connect(tmp_path / "q.db")
    assert [row[2] for row in db.execute("PRAGMA index_info(sync_queue_due)")] == ["priority", "next_retry_at"]
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    db.close()


def test_a_file_of_the_agent_before_keeps_its_items_batches_and_counters(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "q.db")
    db.executescript(FORMER)
    db.close()
    queue = CloudSyncQueue(tmp_path / "q.db")
    stats = queue.get_stats()
    assert (stats["depth"], stats["last_flush_time"]) == (2, 5.0)
    assert [item.payload for item in queue.dequeue(9)] == ["free"]
    queue.close()


def test_a_file_with_the_article_s_bare_table_is_taken_over(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "q.db")
    db.execute(ARTICLE)
    db.execute("INSERT INTO sync_queue VALUES (4, '{\"a\":1}', 3, 1.0, NULL, 0, 0)")
    db.commit()
    db.close()
    queue = CloudSyncQueue(tmp_path / "q.db")
    queue.enqueue("new", ttl_seconds=5)
    assert [item.payload for item in queue.peek(9)] == [{"a": 1}, "new"]
    assert queue.pending_count() == 2
    queue.close()


def test_the_agent_before_can_go_on_with_our_file(tmp_path: Path) -> None:
    CloudSyncQueue(tmp_path / "q.db").close()
    db = sqlite3.connect(tmp_path / "q.db")
    db.execute("INSERT INTO sync_queue (payload, priority, created_at, ttl_seconds) VALUES ('\"old\"', 3, 1.0, NULL)")
    db.commit()
    db.close()
    queue = CloudSyncQueue(tmp_path / "q.db")
    assert (queue.pending_count(), queue.peek()[0].payload) == (1, "old")
    queue.close()


def test_opening_a_file_that_is_complete_writes_nothing(tmp_path: Path) -> None:
    queue = CloudSyncQueue(tmp_path / "q.db")
    before = (tmp_path / "q.db-wal").stat().st_size
    again = CloudSyncQueue(tmp_path / "q.db")
    assert (tmp_path / "q.db-wal").stat().st_size == before
    again.close()
    queue.close()

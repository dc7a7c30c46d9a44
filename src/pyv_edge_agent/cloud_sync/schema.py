"""The tables of the queue's file, and how a file of an older agent, or the article's own, becomes one of ours.

Columns are only ever added, each with a default: after a rollback an older agent still reads and writes the file.
"""

from __future__ import annotations

import sqlite3
from typing import Final

#: The article's columns, and then ours.
_TABLE: Final = """
CREATE TABLE IF NOT EXISTS sync_queue (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    payload TEXT NOT NULL,
    priority INTEGER NOT NULL,
    created_at REAL NOT NULL,
    ttl_seconds REAL,
    retry_count INTEGER NOT NULL DEFAULT 0,
    next_retry_at REAL NOT NULL DEFAULT 0
)
"""
#: column → its declaration. born, boot, synced: boot time and boot of its making, and whether created_at can be
#: believed. lease, lease_boot, lease_until: whose it is, until which second of which boot.
_ADDED: Final = {
    "batch_id": "TEXT",
    "born": "REAL",
    "boot": "INTEGER",
    "synced": "INTEGER NOT NULL DEFAULT 0",
    "lease": "TEXT",
    "lease_boot": "INTEGER",
    "lease_until": "REAL",
}
_NEVER_NULL: Final = {"payload": "'null'", "priority": 3, "created_at": 0, "retry_count": 0, "next_retry_at": 0}
_SIZE: Final = "length(CAST({row}.payload AS BLOB))"
_REST: Final = f"""
CREATE INDEX IF NOT EXISTS sync_queue_due ON sync_queue (priority, next_retry_at);
CREATE INDEX IF NOT EXISTS sync_queue_order ON sync_queue (priority) WHERE batch_id IS NULL;
CREATE INDEX IF NOT EXISTS sync_queue_batch ON sync_queue (batch_id) WHERE batch_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS sync_queue_retried ON sync_queue (retry_count) WHERE retry_count > 0;
CREATE INDEX IF NOT EXISTS sync_queue_mortal ON sync_queue (ttl_seconds) WHERE ttl_seconds IS NOT NULL;
CREATE TABLE IF NOT EXISTS sync_totals (name TEXT PRIMARY KEY, value REAL NOT NULL);
CREATE TABLE IF NOT EXISTS sync_notes (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sync_dead (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    payload TEXT NOT NULL,
    priority INTEGER NOT NULL,
    created_at REAL NOT NULL,
    died_at REAL NOT NULL,
    retry_count INTEGER NOT NULL,
    reason TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS sync_depth (priority INTEGER PRIMARY KEY, items INTEGER NOT NULL, bytes INTEGER NOT NULL);
INSERT OR IGNORE INTO sync_depth
    SELECT priority, count(*), total({_SIZE.format(row="sync_queue")}) FROM sync_queue GROUP BY priority;
CREATE TRIGGER IF NOT EXISTS sync_queue_in AFTER INSERT ON sync_queue BEGIN
    INSERT INTO sync_depth VALUES (NEW.priority, 1, {_SIZE.format(row="NEW")})
    ON CONFLICT (priority) DO UPDATE SET items = items + 1, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER IF NOT EXISTS sync_queue_out AFTER DELETE ON sync_queue BEGIN
    UPDATE sync_depth SET items = items - 1, bytes = bytes - {_SIZE.format(row="OLD")} WHERE priority = OLD.priority;
END;
"""


def prepare(db: sqlite3.Connection) -> None:
    """Make or complete the tables; a file that has them all is only read. sqlite3.Error if it cannot."""
    if _is_complete(db):
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        db.execute(_TABLE)
        known = _columns(db)
        for name, declaration in _ADDED.items():
            if name not in known:
                db.execute(f"ALTER TABLE sync_queue ADD COLUMN {name} {declaration}")
        for name, otherwise in _NEVER_NULL.items():  # the article's table says nothing of nulls and defaults
            db.execute(f"UPDATE sync_queue SET {name} = {otherwise} WHERE {name} IS NULL")
        for statement in _statements(_REST):
            db.execute(statement)
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _is_complete(db: sqlite3.Connection) -> bool:
    """The trigger is what is made last, so with it there is all; a newer agent's columns do not disturb."""
    made = db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'sync_queue_out'").fetchone()[0]
    return bool(made) and _ADDED.keys() <= _columns(db)


def _columns(db: sqlite3.Connection) -> set[str]:
    return {row[1] for row in db.execute("PRAGMA table_info(sync_queue)")}


def _statements(script: str) -> list[str]:
    """One by one, for `executescript` commits what is open. A trigger's body holds semicolons too."""
    found, statement = [], ""
    for line in script.splitlines(keepends=True):
        statement += line
        if statement.strip() and sqlite3.complete_statement(statement):
            found.append(statement)
            statement = ""
    return found

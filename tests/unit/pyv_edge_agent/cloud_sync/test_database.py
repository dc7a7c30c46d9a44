"""Damage found at opening or later costs the file and not the agent; every other fault is a QueueError with a name."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from pyv_edge_agent.cloud_sync.database import Database
from pyv_edge_agent.cloud_sync.interface import QueueError


def put(database: Database, name: str) -> None:
    database.write(lambda db: db.execute("INSERT OR REPLACE INTO sync_notes VALUES (?, 'x')", (name,)))


def names(database: Database) -> list[str]:
    return database.read(lambda db: [row[0] for row in db.execute("SELECT name FROM sync_notes ORDER BY name")])


def spoil(path: Path, keep_bytes: int = 0) -> None:
    """Every byte after the first `keep_bytes`, as a dying card would."""
    data = path.read_bytes()
    with path.open("r+b") as file:
        file.seek(keep_bytes)
        file.write(b"\xa5" * (len(data) - keep_bytes))


def test_nobody_else_may_read_what_is_queued(tmp_path: Path) -> None:
    database = Database(tmp_path / "q.db")
    assert stat.S_IMODE((tmp_path / "q.db").stat().st_mode) == 0o600
    database.close()


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(QueueError, match="nowhere"):
        Database(tmp_path / "nowhere" / "q.db")


@pytest.mark.parametrize("data", [b"this is no database" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_garbage_is_set_aside_at_opening(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "q.db").write_bytes(data)
    database = Database(tmp_path / "q.db")
    put(database, "a")
    assert names(database) == ["a"]
    assert (tmp_path / "q.db.corrupt-1").read_bytes() == data
    assert database.read(lambda db: db.execute("SELECT value FROM sync_totals").fetchone()) == (1.0,)
    database.close()


def test_whoever_only_looks_leaves_a_broken_file_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "q.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(QueueError, match=r"q\.db"):
        Database(tmp_path / "q.db", quarantine=False)
    assert [one.name for one in tmp_path.iterdir()] == ["q.db"]


@pytest.mark.parametrize("keep_bytes", [0, 4096, 8192])
def test_pages_that_go_bad_while_it_runs_cost_the_file_and_not_the_work(tmp_path: Path, keep_bytes: int) -> None:
    database = Database(tmp_path / "q.db")
    for number in range(300):
        put(database, f"{number}" * 50)
    database.read(lambda db: db.execute("PRAGMA cache_size=0"))
    database.fold()
    database._disconnect()  # a connection's cache would hide it for a while
    spoil(tmp_path / "q.db", keep_bytes)
    put(database, "after")
    assert "after" in names(database)
    assert names(database) == ["after"] or keep_bytes
    for number in range(300):
        put(database, f"{number}" * 50)
    database.close()


def test_a_file_that_was_cut_short_is_set_aside(tmp_path: Path) -> None:
    database = Database(tmp_path / "q.db")
    for number in range(300):
        put(database, f"{number}" * 50)
    database.fold()
    database._disconnect()
    with (tmp_path / "q.db").open("r+b") as file:
        file.truncate(5000)
    put(database, "after")
    assert names(database) == ["after"]
    assert (tmp_path / "q.db.corrupt-1").exists()
    database.close()


def test_another_process_s_set_aside_is_noticed_and_nothing_goes_into_the_old_file(tmp_path: Path) -> None:
    ours, theirs = Database(tmp_path / "q.db"), Database(tmp_path / "q.db")
    put(ours, "before")
    theirs._disconnect()
    theirs._begin_anew(sqlite3.DatabaseError("found broken"))
    put(theirs, "theirs")
    put(ours, "ours")
    assert names(ours) == names(theirs) == ["ours", "theirs"]
    ours.close()
    put(theirs, "later")
    theirs.close()
    again = Database(tmp_path / "q.db")
    assert names(again) == ["later", "ours", "theirs"]
    again.close()


def test_a_failed_transaction_leaves_nothing_behind(tmp_path: Path) -> None:
    database = Database(tmp_path / "q.db")

    def half(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO sync_notes VALUES ('a', 'x')")
        db.execute("INSERT INTO sync_notes VALUES ('b', NULL)")

    with pytest.raises(QueueError):
        database.write(half)
    put(database, "c")
    assert names(database) == ["c"]
    database.close()


def test_what_is_asked_after_closing_is_an_error(tmp_path: Path) -> None:
    database = Database(tmp_path / "q.db")
    database.close()
    database.close()
    with pytest.raises(QueueError, match="closed"):
        names(database)

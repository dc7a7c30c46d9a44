"""Which file is broken, and that it is set aside once, whole, and not for ever."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from pyv_edge_agent.cloud_sync.damage import KEPT_MAX, identity_of, is_damage, is_full, number_of, set_aside


def error(code: int) -> sqlite3.Error:
    why = sqlite3.OperationalError("x")
    why.sqlite_errorcode = code
    return why


def test_broken_is_not_busy_full_or_forbidden() -> None:
    broken = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT_INDEX, sqlite3.SQLITE_IOERR_READ)
    well = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_CANTOPEN)
    assert all(is_damage(error(code)) for code in broken)
    assert not any(is_damage(error(code)) for code in well)
    assert not is_damage(sqlite3.ProgrammingError("closed"))
    assert is_full(error(sqlite3.SQLITE_FULL))


def test_the_log_goes_with_its_file(tmp_path: Path) -> None:
    path = tmp_path / "q.db"
    for tail in ("", "-wal", "-shm"):
        (tmp_path / f"q.db{tail}").write_text(tail)
    aside = set_aside(path, identity_of(path))
    assert aside == tmp_path / "q.db.corrupt-1"
    assert sorted(one.name for one in tmp_path.iterdir()) == [
        "q.db.corrupt-1",
        "q.db.corrupt-1-shm",
        "q.db.corrupt-1-wal",
    ]


def test_who_comes_second_leaves_the_fresh_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "q.db"
    path.write_text("broken")
    found = identity_of(path)
    (tmp_path / "keeps the inode").hardlink_to(path)
    assert set_aside(path, found) is not None
    path.write_text("fresh")
    assert set_aside(path, found) is None
    assert path.read_text() == "fresh"


def test_a_card_that_breaks_daily_does_not_fill_up(tmp_path: Path) -> None:
    path = tmp_path / "q.db"
    for _ in range(12):
        path.write_text("broken")
        last = set_aside(path, identity_of(path))
    kept = [one for one in tmp_path.iterdir() if number_of(one)]
    assert len(kept) == KEPT_MAX
    assert last is not None
    assert number_of(last) == 12

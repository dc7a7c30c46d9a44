"""The door to the store: whose file it is, and addresses that are none."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text

from pyv_fleet.store.database import Database, StoreError


def modes_while_open(path: Path) -> dict[str, int]:
    async def scene() -> dict[str, int]:
        database = await Database.open(f"sqlite+aiosqlite:///{path}")
        try:
            async with database.begin() as connection:
                await connection.execute(text("CREATE TABLE IF NOT EXISTS t (n INTEGER)"))
            return await asyncio.to_thread(found)
        finally:
            await database.close()

    def found() -> dict[str, int]:
        return {one.name: one.stat().st_mode & 0o777 for one in path.parent.glob("fleet.db*")}

    return asyncio.run(scene())


def test_all_its_files_are_the_controllers_alone(tmp_path: Path) -> None:
    assert modes_while_open(tmp_path / "fleet.db") == dict.fromkeys(("fleet.db", "fleet.db-wal", "fleet.db-shm"), 0o600)


def test_a_file_that_others_could_read_is_made_private(tmp_path: Path) -> None:
    (tmp_path / "fleet.db").touch(mode=0o644)
    assert set(modes_while_open(tmp_path / "fleet.db").values()) == {0o600}


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nowhere"):
        modes_while_open(tmp_path / "nowhere" / "fleet.db")

"""The migrated schema is the declared one, on SQLite; what the driver promises, it keeps."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from pyv_fleet.store.database import Database, StoreError
from pyv_fleet.store.schema import metadata


def url(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path / 'fleet.db'}"


def test_the_migrations_make_the_declared_schema(tmp_path: Path) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return list(compare_metadata(context, metadata))

    async def run() -> list[object]:
        database = await Database.open(url(tmp_path))
        async with database.begin() as connection:
            found = await connection.run_sync(differences)
        await database.close()
        return found

    assert asyncio.run(run()) == []


def test_opening_again_changes_nothing_and_durability_is_full(tmp_path: Path) -> None:
    async def run() -> list[object]:
        for _ in range(2):
            database = await Database.open(url(tmp_path))
            async with database.begin() as connection:
                found = [
                    (await connection.execute(text(f"PRAGMA {name}"))).scalar()
                    for name in ("journal_mode", "synchronous", "foreign_keys")
                ]
            await database.close()
        return found

    assert asyncio.run(run()) == ["wal", 2, 1]


def test_a_transaction_that_raises_leaves_nothing_and_readers_see_only_what_is_committed(tmp_path: Path) -> None:
    add = text("INSERT INTO fleet (id, name, root_key, issued_at, founded_at) VALUES (1, 'x', 'y', 0, 0)")
    count = text("SELECT count(*) FROM fleet")

    async def run() -> list[int]:
        database = await Database.open(url(tmp_path))
        seen = []

        async def break_off() -> None:
            async with database.begin() as connection:
                await connection.execute(add)
                async with database.read() as reader:
                    seen.append((await reader.execute(count)).scalar_one())
                raise RuntimeError("power cut")

        with pytest.raises(RuntimeError):
            await break_off()
        async with database.read() as reader:
            seen.append((await reader.execute(count)).scalar_one())
        await database.close()
        return seen

    assert asyncio.run(run()) == [0, 0]


def test_many_writers_take_turns(tmp_path: Path) -> None:
    async def run() -> int:
        database = await Database.open(url(tmp_path))

        async def write(number: int) -> None:
            async with database.begin() as connection:
                await connection.execute(text(f"INSERT INTO blobs (sha256, content) VALUES ('{number}', x'00')"))

        await asyncio.gather(*(write(number) for number in range(50)))
        async with database.read() as connection:
            found = (await connection.execute(text("SELECT count(*) FROM blobs"))).scalar_one()
        await database.close()
        return int(found)

    assert asyncio.run(run()) == 50


def test_an_alert_can_be_open_only_once(tmp_path: Path) -> None:
    add = (
        "INSERT INTO alerts (id, name, subject, state, detail, verified, raised_at) "
        "VALUES ('{0}', 'config_drift', 'dev-a', '{1}', '', 1, 0)"
    )

    async def run() -> None:
        database = await Database.open(url(tmp_path))
        async with database.begin() as connection:
            for number, state in enumerate(("resolved", "resolved", "firing")):
                await connection.execute(text(add.format(number, state)))
        with pytest.raises(IntegrityError):
            async with database.begin() as connection:
                await connection.execute(text(add.format("again", "firing")))
        await database.close()

    asyncio.run(run())


@pytest.mark.parametrize("address", ["", "fleet.db", "mysql://localhost/fleet", "sqlite"])
def test_a_strange_address_is_refused_in_words(address: str) -> None:
    with pytest.raises(StoreError, match="database address"):
        asyncio.run(Database.open(address))

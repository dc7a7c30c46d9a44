"""The one door to the store: SQLite (WAL, synchronous=FULL) or PostgreSQL, through SQLAlchemy Core."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

MIGRATIONS: Final = Path(__file__).parent / "migrations"
READERS: Final = 4


class StoreError(Exception):
    """The store cannot be opened or is not what it should be; the message says what to do."""


class Database:
    """Transactions. On SQLite writers take turns on one connection, so that no one ever meets a locked database."""

    def __init__(self, writer: AsyncEngine, reader: AsyncEngine, turns: bool) -> None:
        self._writer = writer
        self._reader = reader
        self._turn: AbstractAsyncContextManager[Any] = asyncio.Lock() if turns else nullcontext()

    @classmethod
    async def open(cls, url: str) -> Database:
        """Open and migrate to the newest schema; StoreError if the address or the database is not of our kind.

        `sqlite+aiosqlite:///path` or `postgresql+asyncpg://…`.
        """
        try:
            backend = make_url(url).get_backend_name()
        except ArgumentError:
            raise StoreError("database address: write sqlite+aiosqlite:///PATH or postgresql+asyncpg://…") from None
        match backend:
            case "sqlite":
                _make_private(make_url(url).database)
                database = cls(_sqlite(url, 1, "IMMEDIATE"), _sqlite(url, READERS, "DEFERRED"), turns=True)
            case "postgresql":
                engine = create_async_engine(url)
                database = cls(engine, engine, turns=False)
            case other:
                raise StoreError(f"database address: {other} is not supported; sqlite or postgresql")
        await database.migrate()
        return database

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """One write transaction: durable when the block ends, undone if it raises. Keep it short, never wait in it."""
        async with self._turn, self._writer.begin() as connection:
            yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """One consistent look at the store; never waits for writers."""
        async with self._reader.begin() as connection:
            yield connection

    async def migrate(self) -> None:
        """Bring the schema to the newest revision; nothing if it is there."""
        async with self._turn, self._writer.begin() as connection:
            await connection.run_sync(_upgrade)

    async def close(self) -> None:
        """Close all connections."""
        await self._reader.dispose()
        await self._writer.dispose()


def _make_private(name: str | None) -> None:
    """Nobody but the controller reads the store; SQLite gives its -wal and -shm the same mode as the file has."""
    if not name or name == ":memory:":
        return
    try:
        Path(name).touch(mode=0o600)
        for path in (Path(f"{name}{ending}") for ending in ("", "-wal", "-shm")):
            if path.exists():
                path.chmod(0o600)
    except OSError as why:
        raise StoreError(f"{name}: {why.strerror}; the store needs a directory that is its own") from None


def _sqlite(url: str, connections: int, mode: str) -> AsyncEngine:
    engine = create_async_engine(url, pool_size=connections, max_overflow=0)

    @event.listens_for(engine.sync_engine, "connect")
    def _prepare(dbapi_connection: Any, _record: Any) -> None:
        dbapi_connection.isolation_level = None  # the driver's own BEGIN comes too late: ours is below
        cursor = dbapi_connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(f"BEGIN {mode}")

    return engine


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")

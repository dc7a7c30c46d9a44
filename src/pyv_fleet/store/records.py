"""Rows into frozen records, pages of them, and ids that sort by time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Row, Select, Table, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

R = TypeVar("R", bound=msgspec.Struct)
IN_MAX = 500
"""So many values stand in one `IN (…)`: SQLite's oldest limit is 999 variables."""


class Paged(NamedTuple):
    """Some rows of a list, whether there are more, and how many match in all."""

    rows: Sequence[Row[Any]]
    more: bool
    total: int


def record_of(row: Row[Any], into: type[R]) -> R:
    """A row as a record; columns that the record does not name are passed over."""
    # SQLAlchemy's names are a subclass of str, which msgspec does not take as a key
    return msgspec.convert({str(name): value for name, value in row._mapping.items()}, into)


def values_of(record: msgspec.Struct) -> dict[str, Any]:
    """A record as column values."""
    return msgspec.to_builtins(record, builtin_types=(bytes,))  # type: ignore[no-any-return]


async def one(connection: AsyncConnection, query: Select[Any], into: type[R]) -> R | None:
    """The first row as a record, if there is one."""
    row = (await connection.execute(query)).first()
    return None if row is None else record_of(row, into)


async def many(connection: AsyncConnection, query: Select[Any], into: type[R]) -> list[R]:
    """All rows as records."""
    return [record_of(row, into) for row in await connection.execute(query)]


async def add(connection: AsyncConnection, table: Table, record: msgspec.Struct) -> None:
    """Insert a record whose fields are the table's columns."""
    await connection.execute(table.insert().values(values_of(record)))


async def page(
    connection: AsyncConnection,
    query: Select[Any],
    key: ColumnElement[str],
    after: str | None,
    limit: int,
    *,
    newest: bool,
) -> Paged:
    """`limit` rows beyond the key `after`; `newest` = highest keys first."""
    total = (await connection.execute(select(func.count()).select_from(query.order_by(None).subquery()))).scalar_one()
    if after:
        query = query.where(key < after if newest else key > after)
    query = query.order_by(key.desc() if newest else key).limit(limit + 1)
    rows = (await connection.execute(query)).all()
    return Paged(rows[:limit], len(rows) > limit, int(total))


def chunks(values: Iterable[str]) -> list[list[str]]:
    """The values, sorted, once each, in lists short enough for one `IN`."""
    every = sorted(set(values))
    return [every[at : at + IN_MAX] for at in range(0, len(every), IN_MAX)]


def sortable_id(now_ms: int, random: bytes) -> str:
    """A new row's id: 12 hex of the time, then the randomness; later ones sort higher."""
    return f"{now_ms:012x}{random.hex()}"


def changed(mapping: Mapping[str, Any], *without: str) -> dict[str, Any]:
    """Column values for an UPDATE: all but the key's."""
    return {name: value for name, value in mapping.items() if name not in without}

"""Groups and who is in them, with what each member was given. Times are Unix ms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, and_, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.views import GroupSpec
from pyv_fleet.core.words import GroupState
from pyv_fleet.store.records import changed, chunks, many, one, page, record_of, values_of
from pyv_fleet.store.schema import group_members, groups


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """What all members of a group had before the last change; revision 0 = nothing."""

    revision: int = 0
    priority: int = 0
    values: dict[str, Any] = {}


class GroupRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A group as it was last set."""

    name: str
    spec: GroupSpec
    state: GroupState
    because: str
    #: it goes once nobody has its values any more
    leaving: bool
    #: of values and priority: grows with each change, 0 = it never had any
    revision: int
    labels_revision: int
    settled: Settled
    #: it goes back to what was settled
    back: bool
    reason: str
    changed_by: str
    changed_at: int


class MemberRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A device in a group, or one that leaves it (`member` false)."""

    group_name: str
    device_id: str
    member: bool
    #: of the values that it was given; 0 = none
    revision: int
    labels_revision: int
    #: when it was given them in the steps under way
    given_at: int | None = None
    #: since when it is good with them
    good_at: int | None = None
    online: bool = False
    #: a person said to go on without it
    excused: bool = False


async def get(connection: AsyncConnection, name: str) -> GroupRecord | None:
    """One group."""
    return await one(connection, select(groups).where(groups.c.name == name), GroupRecord)


async def every(connection: AsyncConnection) -> list[GroupRecord]:
    """All groups by name."""
    return await many(connection, select(groups).order_by(groups.c.name), GroupRecord)


async def stepping(connection: AsyncConnection) -> list[GroupRecord]:
    """Groups whose values are on their way."""
    query = select(groups).where(groups.c.state == GroupState.STEPPING.value).order_by(groups.c.name)
    return await many(connection, query, GroupRecord)


async def save(connection: AsyncConnection, record: GroupRecord) -> None:
    """Insert or replace a group."""
    values = values_of(record)
    done = await connection.execute(update(groups).where(groups.c.name == record.name).values(changed(values, "name")))
    if done.rowcount == 0:
        await connection.execute(insert(groups).values(values))


async def remove(connection: AsyncConnection, name: str) -> None:
    """A group goes, its members' rows with it."""
    await connection.execute(delete(group_members).where(group_members.c.group_name == name))
    await connection.execute(delete(groups).where(groups.c.name == name))


async def members_of(connection: AsyncConnection, name: str) -> dict[str, MemberRecord]:
    """All rows of a group, by device id; those that leave too."""
    query = select(group_members).where(group_members.c.group_name == name).order_by(group_members.c.device_id)
    return {record.device_id: record for record in await many(connection, query, MemberRecord)}


async def of_device(connection: AsyncConnection, device_id: str) -> dict[str, MemberRecord]:
    """A device's rows, by group."""
    query = select(group_members).where(group_members.c.device_id == device_id)
    return {record.group_name: record for record in await many(connection, query, MemberRecord)}


async def memberships(connection: AsyncConnection) -> dict[str, tuple[str, ...]]:
    """The names of the groups that each device is in, by device id."""
    query = select(group_members.c.device_id, group_members.c.group_name).where(group_members.c.member)
    found: dict[str, tuple[str, ...]] = {}
    for device_id, name in await connection.execute(query.order_by(group_members.c.group_name)):
        found[str(device_id)] = (*found.get(str(device_id), ()), str(name))
    return found


async def find_members(
    connection: AsyncConnection, name: str, after: str | None, limit: int
) -> tuple[list[MemberRecord], bool, int]:
    """A page of a group's rows by device id, whether there are more, how many in all."""
    query = select(group_members).where(group_members.c.group_name == name)
    paged = await page(connection, query, group_members.c.device_id, after, limit, newest=False)
    return [record_of(row, MemberRecord) for row in paged.rows], paged.more, paged.total


async def given(connection: AsyncConnection, name: str) -> list[MemberRecord]:
    """Who was given values in the steps under way."""
    this = (group_members.c.group_name == name) & group_members.c.given_at.is_not(None)
    return await many(connection, select(group_members).where(this), MemberRecord)


async def behind(connection: AsyncConnection, group: GroupRecord) -> list[MemberRecord]:
    """Who has not been given what he should have."""
    query = select(group_members).where(_of(group) & _values_behind(group)).order_by(group_members.c.device_id)
    return await many(connection, query, MemberRecord)


async def with_old_labels(connection: AsyncConnection, group: GroupRecord, limit: int) -> list[MemberRecord]:
    """Some whose labels were made before the group's changed."""
    this = _of(group) & (group_members.c.labels_revision != group.labels_revision)
    query = select(group_members).where(this).order_by(group_members.c.device_id).limit(limit)
    return await many(connection, query, MemberRecord)


async def counts(connection: AsyncConnection, group: GroupRecord) -> tuple[int, int]:
    """How many members there are, and how many rows are not yet as they should be."""
    late = _values_behind(group) | (group_members.c.labels_revision != group.labels_revision)
    members = await connection.execute(_count(_of(group) & group_members.c.member))
    waiting = await connection.execute(_count(_of(group) & late))
    return int(members.scalar_one()), int(waiting.scalar_one())


async def put_member(connection: AsyncConnection, record: MemberRecord) -> None:
    """Insert or replace a row."""
    values = values_of(record)
    this = (group_members.c.group_name == record.group_name) & (group_members.c.device_id == record.device_id)
    done = await connection.execute(
        update(group_members).where(this).values(changed(values, "group_name", "device_id"))
    )
    if done.rowcount == 0:
        await connection.execute(insert(group_members).values(values))


async def add_members(connection: AsyncConnection, records: Iterable[MemberRecord]) -> None:
    """Insert rows that are not there."""
    rows = [values_of(record) for record in records]
    if rows:
        await connection.execute(insert(group_members), rows)


async def drop_member(connection: AsyncConnection, name: str, device_id: str) -> None:
    """A device is out."""
    this = (group_members.c.group_name == name) & (group_members.c.device_id == device_id)
    await connection.execute(delete(group_members).where(this))


async def set_members(connection: AsyncConnection, name: str, device_ids: Iterable[str], **columns: Any) -> None:
    """Set columns of some rows."""
    for some in chunks(device_ids):
        this = (group_members.c.group_name == name) & group_members.c.device_id.in_(some)
        await connection.execute(update(group_members).where(this).values(columns))


async def set_all(connection: AsyncConnection, name: str, columns: Mapping[str, Any]) -> None:
    """Set columns of all rows of a group."""
    await connection.execute(update(group_members).where(group_members.c.group_name == name).values(dict(columns)))


async def drop_left(connection: AsyncConnection, name: str) -> None:
    """Rows of those that are out and have no values any more."""
    out = ~group_members.c.member & (group_members.c.revision == 0)
    await connection.execute(delete(group_members).where((group_members.c.group_name == name) & out))


def _of(group: GroupRecord) -> ColumnElement[bool]:
    return group_members.c.group_name == group.name


def _values_behind(group: GroupRecord) -> ColumnElement[bool]:
    return or_(
        and_(group_members.c.member, group_members.c.revision != group.revision),
        and_(~group_members.c.member, group_members.c.revision != 0),
    )


def _count(this: ColumnElement[bool]) -> Any:
    return select(func.count()).select_from(group_members).where(this)

"""Histories: lines of their own, and what alerts, the audit log and the directives tell of the same subject."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Select, and_, delete, false, insert, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.words import Happening
from pyv_fleet.store.records import values_of
from pyv_fleet.store.schema import alerts, audit, directives, history

THINNED_AT_ONCE: Final = 2_000
"""So many lines go in one transaction, so that nobody waits for the broom."""


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """A line to write: of a device or of a channel."""

    at: int
    what: Happening
    detail: str
    device_id: str | None = None
    channel: str | None = None


class Place(NamedTuple):
    """Where a line stands among all of its subject: lists go on from there."""

    at: int
    source: str
    id: str


class Told(NamedTuple):
    """One line of a history, wherever it comes from."""

    place: Place
    what: Happening
    detail: str
    by: str | None


async def add(connection: AsyncConnection, notes: Sequence[Note]) -> None:
    """Write lines, in the transaction of what they tell of."""
    if notes:
        await connection.execute(insert(history), [values_of(one) for one in notes])


async def of_device(connection: AsyncConnection, device_id: str, before: Place | None, limit: int) -> list[Told]:
    """A device's newest lines before a place."""
    sources = [
        _own(history.c.device_id == device_id),
        *_alerts(alerts.c.device_id == device_id),
        _acts(audit.c.subject == device_id),
    ]
    return await _merged(connection, sources, before, limit)


async def of_channel(connection: AsyncConnection, channel: str, before: Place | None, limit: int) -> list[Told]:
    """A channel's newest lines before a place."""
    sources = [
        _own(history.c.channel == channel),
        *_alerts(and_(alerts.c.subject == channel, alerts.c.device_id.is_(None))),
        _acts(audit.c.subject == channel),
        _directives(directives.c.channel == channel),
    ]
    return await _merged(connection, sources, before, limit)


async def thin(
    connection: AsyncConnection, *, whole_since: int, any_since: int, landmarks: frozenset[Happening]
) -> int:
    """Take away what is no longer kept, the oldest first, some at once; how many lines went."""
    kept = [one.value for one in landmarks]
    old = or_(history.c.at < any_since, and_(history.c.at < whole_since, history.c.what.not_in(kept)))
    some = select(history.c.seq).where(old).order_by(history.c.at).limit(THINNED_AT_ONCE)
    done = await connection.execute(delete(history).where(history.c.seq.in_(some)))
    return int(done.rowcount)


class _Source(NamedTuple):
    name: str
    query: Select[Any]
    at: ColumnElement[Any]
    id: ColumnElement[Any]
    numbered: bool


def _own(these: ColumnElement[bool]) -> _Source:
    columns = (history.c.seq, history.c.at, history.c.what, history.c.detail, literal(None))
    return _Source("history", select(*columns).where(these), history.c.at, history.c.seq, numbered=True)


def _alerts(these: ColumnElement[bool]) -> tuple[_Source, _Source]:
    """An alert is two lines, when it began and when it ended."""

    def source(name: str, at: ColumnElement[Any], said: str) -> _Source:
        detail = literal(said) + alerts.c.name + literal(": ") + alerts.c.detail
        columns = (alerts.c.id, at, literal(Happening.ALERT.value), detail, literal(None))
        return _Source(name, select(*columns).where(these, at.is_not(None)), at, alerts.c.id, numbered=False)

    return source("alert", alerts.c.raised_at, ""), source("alert ended", alerts.c.resolved_at, "resolved: ")


def _acts(these: ColumnElement[bool]) -> _Source:
    detail = audit.c.act + literal(": ") + audit.c.reason
    columns = (audit.c.seq, audit.c.at, literal(Happening.ACT.value), detail, audit.c.actor)
    return _Source("act", select(*columns).where(these), audit.c.at, audit.c.seq, numbered=True)


def _directives(these: ColumnElement[bool]) -> _Source:
    columns = (
        directives.c.generation,
        directives.c.issued_at,
        literal(Happening.DIRECTIVE.value),
        directives.c.reason,
        directives.c.issued_by,
    )
    at, number = directives.c.issued_at, directives.c.generation
    return _Source("directive", select(*columns).where(these), at, number, numbered=True)


async def _merged(
    connection: AsyncConnection, sources: Sequence[_Source], before: Place | None, limit: int
) -> list[Told]:
    """As many of each as may be wanted, then the newest of all of them."""
    found: list[Told] = []
    for source in sources:
        query = source.query if before is None else source.query.where(_is_before(source, before))
        query = query.order_by(source.at.desc(), source.id.desc()).limit(limit)
        for key, at, what, detail, by in (await connection.execute(query)).all():
            found.append(Told(Place(int(at), source.name, str(key)), Happening(what), str(detail), by))
    found.sort(key=lambda one: one.place[:2], reverse=True)  # stable: within a source they are in order already
    return found[:limit]


def _is_before(source: _Source, place: Place) -> ColumnElement[bool]:
    if source.name > place.source:
        return source.at < place.at
    if source.name < place.source:
        return source.at <= place.at
    key: Any = place.id
    if source.numbered:
        if not place.id.isdigit():
            return false()
        key = int(place.id)
    return or_(source.at < place.at, and_(source.at == place.at, source.id < key))

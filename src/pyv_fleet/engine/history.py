"""Histories: written with what they tell of, shown as one line of time, thinned by a sweep."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.history import LANDMARKS, Kept, Moment, lines_between
from pyv_fleet.core.views import HistoryPage, HistoryView
from pyv_fleet.engine.errors import Invalid, NotFound
from pyv_fleet.engine.ground import Ground, rfc3339
from pyv_fleet.store import channels, devices, history
from pyv_fleet.store.history import THINNED_AT_ONCE, Note, Place, Told
from pyv_fleet.store.status import StatusRecord

SEPARATOR: Final = ","


class History:
    """Shows histories, and thins them."""

    def __init__(self, ground: Ground, kept: Kept) -> None:
        self._ground = ground
        self._kept = kept

    async def of_device(self, device_id: str, after: str | None, limit: int) -> HistoryPage:
        """A device's, the newest first. NotFound, Invalid."""
        place = _place(after)
        async with self._ground.database.read() as connection:
            if await devices.get(connection, device_id) is None:
                raise NotFound("no such device", f"{device_id!r} is not enrolled")
            return _page(await history.of_device(connection, device_id, place, limit + 1), limit)

    async def of_channel(self, name: str, after: str | None, limit: int) -> HistoryPage:
        """A channel's, the newest first. NotFound, Invalid."""
        place = _place(after)
        async with self._ground.database.read() as connection:
            if await channels.get(connection, name) is None:
                raise NotFound("no such channel", repr(name))
            return _page(await history.of_channel(connection, name, place, limit + 1), limit)

    async def thin(self) -> None:
        """Take away what is no longer kept; in small transactions, so that reports are not held up."""
        now = self._ground.clock()
        whole_since, any_since = self._kept.whole_since(now), self._kept.any_since(now)
        gone = THINNED_AT_ONCE
        while gone == THINNED_AT_ONCE:
            async with self._ground.database.begin() as connection:
                gone = await history.thin(connection, whole_since=whole_since, any_since=any_since, landmarks=LANDMARKS)


async def note_words(
    connection: AsyncConnection, words: Iterable[tuple[StatusRecord, StatusRecord]], now_ms: int
) -> None:
    """What devices' newest words (before, after) add to their histories, in the transaction that stores them."""
    notes = [
        Note(at=now_ms, what=line.what, detail=line.detail, device_id=after.device_id)
        for before, after in words
        for line in lines_between(_moment(before), _moment(after))
    ]
    await history.add(connection, notes)


def _moment(status: StatusRecord) -> Moment:
    refused = status.refused or {}
    said = ": ".join(str(refused[key]) for key in ("order", "code", "detail") if refused.get(key))
    return Moment(**{name: getattr(status, name) for name in _SAME}, refused=said or None)


_SAME: Final = tuple(name for name in Moment.__struct_fields__ if name != "refused")


def _page(found: list[Told], limit: int) -> HistoryPage:
    items = tuple(
        HistoryView(at=rfc3339(one.place.at), what=one.what, detail=one.detail, by=one.by) for one in found[:limit]
    )
    more = len(found) > limit
    return HistoryPage(items=items, next=SEPARATOR.join(map(str, found[limit - 1].place)) if more else None)


def _place(after: str | None) -> Place | None:
    if not after:
        return None
    parts = after.split(SEPARATOR)
    try:
        at, source, key = parts
        return Place(msgspec.convert(at, int, strict=False), source, key)
    except (ValueError, msgspec.ValidationError):
        raise Invalid("after", f"{after[:64]!r} is no place in a history: take it from `next`") from None

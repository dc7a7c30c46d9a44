"""Devices as the fleet knows and tells them: identity and assignment. What they say of themselves: status.py."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from sqlalchemy import and_, delete, func, insert, not_, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.group_layers import Layer
from pyv_fleet.store.records import changed, chunks, many, one, values_of
from pyv_fleet.store.schema import device_labels, device_status, devices
from pyvorin_edge.identity import Digest
from pyvorin_edge.orders import EMPTY_OVERLAY, Grant, OwnDriftTerms
from pyvorin_edge.vocabulary import Connectivity


class DeviceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An enrolled device and its assignment as it was last signed. Times are Unix ms."""

    device_id: str
    key_sha256: str
    incarnation: int
    quarantined: bool
    enrolled_at: int
    channel: str
    labels: dict[str, str]
    overlay: dict[str, Any]
    overlay_digest: str
    #: {release, attempt, kind} or none
    pin: dict[str, Any] | None
    tz: str
    min_generation: int
    epoch: int
    number: int
    #: the assignment's envelope
    assignment: bytes
    #: when the broker confirmed it; none = not yet
    published_at: int | None
    #: what labels and overlay are made of; none = they are all its own
    own_labels: dict[str, str] | None = None
    own_overlay: dict[str, Any] | None = None
    #: values of groups, as it was given them
    layers: tuple[Layer, ...] | None = None
    #: its last turn {release, attempt, at, over}: when it was given (Unix ms), and whether its assignment is without it
    turn: dict[str, Any] | None = None
    #: whether it may begin by a turn still, or be at work by it: one taken back counts until it said that it heard so
    holds_turn: bool = False
    #: what its groups say about drift; none = nothing
    drift_terms: OwnDriftTerms | None = None

    @property
    def labels_of_its_own(self) -> dict[str, str]:
        """Without those of groups."""
        return self.labels if self.own_labels is None else self.own_labels

    @property
    def values_of_its_own(self) -> dict[str, Any]:
        """Its overlay without the values of groups."""
        return self.overlay if self.own_overlay is None else self.own_overlay

    @property
    def grant(self) -> Grant | None:
        """The turn that its assignment carries."""
        if self.turn is None or self.turn["over"]:
            return None
        return Grant(release=Digest(self.turn["release"]), attempt=self.turn["attempt"])

    @property
    def turn_over(self) -> dict[str, Any] | None:
        """Its last turn, when its assignment carries it no longer."""
        return None if self.turn is None else {**self.turn, "over": True}


def turn_at(grant: Grant, at_ms: int) -> dict[str, Any]:
    """A turn as it is kept."""
    return {"release": str(grant.release), "attempt": grant.attempt, "at": at_ms, "over": False}


async def get(connection: AsyncConnection, device_id: str) -> DeviceRecord | None:
    """One device, if it is enrolled."""
    return await one(connection, select(devices).where(devices.c.device_id == device_id), DeviceRecord)


async def get_many(connection: AsyncConnection, device_ids: Iterable[str]) -> dict[str, DeviceRecord]:
    """Those of the devices that are enrolled, by id."""
    found: dict[str, DeviceRecord] = {}
    for some in chunks(device_ids):
        query = select(devices).where(devices.c.device_id.in_(some))
        found |= {record.device_id: record for record in await many(connection, query, DeviceRecord)}
    return found


async def every(connection: AsyncConnection, channel: str | None = None) -> list[DeviceRecord]:
    """All devices, or a channel's, by id."""
    query = select(devices).order_by(devices.c.device_id)
    return await many(connection, query if channel is None else query.where(devices.c.channel == channel), DeviceRecord)


async def count(connection: AsyncConnection, channel: str | None = None) -> int:
    """How many devices are enrolled, in all or in a channel."""
    query = select(func.count()).select_from(devices)
    query = query if channel is None else query.where(devices.c.channel == channel)
    return int((await connection.execute(query)).scalar_one())


async def save(connection: AsyncConnection, record: DeviceRecord) -> None:
    """Insert or replace a device, its searchable labels too."""
    values = values_of(record)
    same = devices.c.device_id == record.device_id
    done = await connection.execute(update(devices).where(same).values(changed(values, "device_id")))
    if done.rowcount == 0:
        await connection.execute(insert(devices).values(values))
    await connection.execute(delete(device_labels).where(device_labels.c.device_id == record.device_id))
    if record.labels:
        rows = [
            {"device_id": record.device_id, "label": label, "value": value} for label, value in record.labels.items()
        ]
        await connection.execute(insert(device_labels), rows)


async def unpublished(connection: AsyncConnection, limit: int = 1000) -> list[DeviceRecord]:
    """Devices whose assignment the broker has not confirmed."""
    query = select(devices).where(devices.c.published_at.is_(None)).order_by(devices.c.device_id).limit(limit)
    return await many(connection, query, DeviceRecord)


async def mark_published(connection: AsyncConnection, device_id: str, number: int, now_ms: int) -> None:
    """The broker confirmed this assignment; a newer one stays unpublished."""
    this = (devices.c.device_id == device_id) & (devices.c.number == number)
    await connection.execute(update(devices).where(this).values(published_at=now_ms))


async def hold_turns(connection: AsyncConnection, device_ids: Iterable[str]) -> None:
    """These may begin by the turn that their assignments carry."""
    for some in chunks(device_ids):
        await connection.execute(update(devices).where(devices.c.device_id.in_(some)).values(holds_turn=True))


async def end_turns(connection: AsyncConnection, device_ids: Iterable[str]) -> None:
    """These hold no turn any more; what their assignments say stays."""
    for some in chunks(device_ids):
        await connection.execute(update(devices).where(devices.c.device_id.in_(some)).values(holds_turn=False))


async def end_all_turns(connection: AsyncConnection, channel: str) -> None:
    """Nobody in a channel holds a turn any more."""
    await connection.execute(update(devices).where(devices.c.channel == channel).values(holds_turn=False))


async def pinned_releases(connection: AsyncConnection) -> set[str]:
    """Digests that a device's pin names."""
    pins = (await connection.execute(select(devices.c.pin).where(devices.c.pin.is_not(None)))).scalars()
    return {str(pin["release"]) for pin in pins if pin}


async def behind(connection: AsyncConnection, ordered: Mapping[str, str | None]) -> list[str]:
    """Online devices that may not have what is ordered; `ordered`: by channel the one release, none = it has several.

    All of a channel that has several, and of the others those that did not commit just that under just their overlay.
    """
    at = device_status.c
    same = [
        and_(
            devices.c.channel == channel,
            func.coalesce(at.committed_release, "") == release,  # a comparison with null would let it slip
            func.coalesce(at.committed_overlay, EMPTY_OVERLAY) == devices.c.overlay_digest,
            devices.c.pin.is_(None),
        )
        for channel, release in ordered.items()
        if release is not None
    ]
    query = (
        select(devices.c.device_id)
        .join(device_status, at.device_id == devices.c.device_id)
        .where(at.connectivity == Connectivity.ONLINE.value)
        .where(devices.c.channel.in_(list(ordered)))
        .where(not_(or_(*same)) if same else true())
    )
    return [str(one) for one in (await connection.execute(query)).scalars()]

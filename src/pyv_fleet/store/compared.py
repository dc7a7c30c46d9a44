"""The devices that a rollout's analysis compares, as they were before it, and what they say now, in few columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.store.records import chunks, many, values_of
from pyv_fleet.store.schema import compared_devices, device_status
from pyvorin_edge.vocabulary import Cause, Connectivity, HealthStatus, Outcome


class ComparedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A device that was well and heard when a rollout's first wave began."""

    rollout_id: str
    device_id: str
    #: of its last beat or report then, by measure
    figures: dict[str, float]
    #: counted since its agent's start, by measure
    totals: dict[str, float]


class SaidRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a device's status that is compared."""

    device_id: str
    connectivity: Connectivity
    health_status: HealthStatus
    boot: int
    seq: int
    report_seq: int
    cpu_percent: float | None
    ram_percent: float | None
    queue_depth: float | None
    result_release: str | None
    result_attempt: int | None
    result_outcome: Outcome | None
    result_code: Cause | None


async def freeze(connection: AsyncConnection, records: Iterable[ComparedRecord]) -> None:
    """Store what was before a rollout, once."""
    rows = [values_of(record) for record in records]
    if rows:
        await connection.execute(insert(compared_devices), rows)


async def of(connection: AsyncConnection, rollout_id: str) -> list[ComparedRecord]:
    """Those of a rollout, by id; empty if none were written down."""
    query = select(compared_devices).where(compared_devices.c.rollout_id == rollout_id)
    return await many(connection, query.order_by(compared_devices.c.device_id), ComparedRecord)


async def said_by(connection: AsyncConnection, device_ids: Iterable[str]) -> list[SaidRecord]:
    """What the devices say now, by id."""
    columns = [device_status.c[name] for name in SaidRecord.__struct_fields__]
    found: list[SaidRecord] = []
    for some in chunks(device_ids):
        found += await many(connection, select(*columns).where(device_status.c.device_id.in_(some)), SaidRecord)
    return found


async def health_of(connection: AsyncConnection, device_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The whole health documents of the last reports, by device."""
    found: dict[str, dict[str, Any]] = {}
    for some in chunks(device_ids):
        query = select(device_status.c.device_id, device_status.c.health).where(device_status.c.device_id.in_(some))
        found |= {str(device_id): health for device_id, health in (await connection.execute(query)).all()}
    return found

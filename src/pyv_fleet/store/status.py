"""Devices as they say of themselves: one row each, written by the intake and the sweeps alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Select, bindparam, exists, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.store.devices import DeviceRecord
from pyv_fleet.store.records import chunks, many, page, values_of
from pyv_fleet.store.schema import device_labels, device_status, devices
from pyvorin_edge.vocabulary import (
    Cause,
    Clock,
    Connectivity,
    DriftKind,
    HealthStatus,
    Outcome,
    Phase,
    Standing,
    WaitingFor,
)


class StatusRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What a device last said. Unix ms; `last_seen` and `reported_at` by our clock, the others by its own."""

    device_id: str
    connectivity: Connectivity = Connectivity.NEVER_SEEN
    last_seen: int | None = None
    incarnation: int = 0
    boot: int = -1
    boot_id: str = ""
    conn: int = -1
    seq: int = -1
    report_seq: int = -1
    reported_at: int | None = None
    #: the start before this one and its last seq: so that what is delivered again is no clone
    before_boot_id: str = ""
    before_seq: int = -1
    clock: Clock | None = None
    agent_version: str | None = None
    #: what its agent can do; none = it has not said
    caps: tuple[str, ...] | None = None
    channel: str | None = None
    epoch: int = 0
    generation: int = 0
    number: int = 0
    trust: int = 0
    floor: int = 0
    running_release: str | None = None
    running_version: str | None = None
    running_hash: str | None = None
    effective_hash: str | None = None
    #: of its last result `committed`
    committed_release: str | None = None
    committed_overlay: str | None = None
    target_release: str | None = None
    target_overlay: str | None = None
    target_attempt: int | None = None
    phase: Phase | None = None
    waiting_for: WaitingFor | None = None
    #: since when for that and this target, by our clock
    waiting_since: int | None = None
    result_release: str | None = None
    result_overlay: str | None = None
    result_attempt: int | None = None
    result_outcome: Outcome | None = None
    result_code: Cause | None = None
    result_detail: str | None = None
    result_at: int | None = None
    standing: Standing = Standing.UNKNOWN
    drift_kinds: tuple[DriftKind, ...] = ()
    drift_paths: tuple[str, ...] = ()
    drift_more: int = 0
    drift_since: int | None = None
    applied_hash: str | None = None
    live_hash: str | None = None
    refused: dict[str, Any] | None = None
    health_status: HealthStatus = HealthStatus.UNKNOWN
    health: dict[str, Any] = {}
    cpu_percent: float | None = None
    ram_percent: float | None = None
    disk_percent: float | None = None
    temperature: float | None = None
    queue_depth: int | None = None


class Known(NamedTuple):
    """A device whole: what the fleet tells it, and what it says."""

    device: DeviceRecord
    status: StatusRecord


class Asks(msgspec.Struct, frozen=True, kw_only=True):
    """A device that says that it waits for its turn: what must be known to give it one."""

    device_id: str
    channel: str
    labels: dict[str, str]
    min_generation: int
    epoch: int
    number: int
    waiting_since: int | None
    committed_release: str | None


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which devices; none or empty = any."""

    channel: str | None = None
    labels: Mapping[str, str] = {}
    connectivity: Connectivity | None = None
    standings: tuple[Standing, ...] = ()


async def get(connection: AsyncConnection, device_id: str) -> Known | None:
    """One device whole."""
    row = (await connection.execute(_joined().where(devices.c.device_id == device_id))).first()
    return None if row is None else _known(row)


async def get_many(connection: AsyncConnection, device_ids: Iterable[str]) -> dict[str, Known]:
    """Those of the devices that are enrolled, whole, by id."""
    found: dict[str, Known] = {}
    for some in chunks(device_ids):
        rows = await connection.execute(_joined().where(devices.c.device_id.in_(some)))
        found |= {known.device.device_id: known for known in map(_known, rows)}
    return found


async def find(connection: AsyncConnection, wanted: Filter = Filter()) -> list[Known]:  # noqa: B008 a frozen value
    """All devices that match, whole, by id."""
    rows = await connection.execute(_filtered(wanted).order_by(devices.c.device_id))
    return [_known(row) for row in rows]


async def find_page(
    connection: AsyncConnection, wanted: Filter, after: str | None, limit: int
) -> tuple[list[Known], bool, int]:
    """A page by device id: devices, whether there are more, how many match in all."""
    paged = await page(connection, _filtered(wanted), devices.c.device_id, after, limit, newest=False)
    return [_known(row) for row in paged.rows], paged.more, paged.total


async def silent_since(connection: AsyncConnection, before_ms: int, channel: str) -> list[StatusRecord]:
    """A channel's online devices that were last heard before that time."""
    query = (
        select(device_status)
        .join(devices, devices.c.device_id == device_status.c.device_id)
        .where(device_status.c.connectivity == Connectivity.ONLINE.value)
        .where(devices.c.channel == channel)
        .where(device_status.c.last_seen < before_ms)
    )
    return await many(connection, query, StatusRecord)


async def at_work(connection: AsyncConnection, channel: str, phases: Iterable[Phase]) -> list[Known]:
    """A channel's devices that hold a turn, or are in one of these phases."""
    working = device_status.c.phase.in_([phase.value for phase in phases])
    query = _joined().where(devices.c.channel == channel).where(devices.c.holds_turn | working)
    return [_known(row) for row in await connection.execute(query)]


async def asking(connection: AsyncConnection, channel: str) -> list[Asks]:
    """A channel's devices that say that they wait for their turn: online, with their newest assignment, without one."""
    own = (devices.c.device_id, devices.c.channel, devices.c.labels, devices.c.min_generation, devices.c.epoch)
    query = (
        select(*own, devices.c.number, device_status.c.waiting_since, device_status.c.committed_release)
        .join(device_status, devices.c.device_id == device_status.c.device_id)
        .where(devices.c.channel == channel)
        .where(device_status.c.waiting_for == WaitingFor.TURN.value)
        .where(device_status.c.connectivity == Connectivity.ONLINE.value)
        .where(device_status.c.epoch == devices.c.epoch)
        .where(device_status.c.number >= devices.c.number)
        .where(~devices.c.holds_turn & ~devices.c.quarantined & devices.c.pin.is_(None))
    )
    return await many(connection, query, Asks)


async def turned_elsewhere(connection: AsyncConnection, channel: str, release: str) -> list[DeviceRecord]:
    """A channel's devices whose assignment carries a turn that was used, and that did not commit this release last."""
    query = (
        select(devices)
        .join(device_status, devices.c.device_id == device_status.c.device_id)
        .where(devices.c.channel == channel)
        .where(devices.c.turn.is_not(None) & ~devices.c.holds_turn)
        .where(device_status.c.committed_release.is_distinct_from(release))
    )
    return await many(connection, query, DeviceRecord)


async def add_blank(connection: AsyncConnection, device_id: str) -> None:
    """The row of a device that was never heard; nothing if it has one."""
    known = await connection.execute(select(device_status.c.device_id).where(device_status.c.device_id == device_id))
    if known.first() is None:
        await connection.execute(insert(device_status).values(values_of(StatusRecord(device_id=device_id))))


async def save_many(connection: AsyncConnection, records: Sequence[StatusRecord]) -> None:
    """Write whole rows that are there already."""
    if not records:
        return
    rows = [values_of(record) for record in records]
    columns: dict[str, Any] = {name: bindparam(f"to_{name}") for name in rows[0] if name != "device_id"}
    query = update(device_status).where(device_status.c.device_id == bindparam("of")).values(columns)
    await connection.execute(
        query,
        [{"of": row["device_id"]} | {f"to_{name}": row[name] for name in columns} for row in rows],
    )


def _joined() -> Select[Any]:
    own = [column.label(f"d_{column.name}") for column in devices.c]
    said = [column.label(f"s_{column.name}") for column in device_status.c]
    return select(*own, *said).join_from(devices, device_status, devices.c.device_id == device_status.c.device_id)


def _filtered(wanted: Filter) -> Select[Any]:
    query = _joined()
    if wanted.channel is not None:
        query = query.where(devices.c.channel == wanted.channel)
    if wanted.connectivity is not None:
        query = query.where(device_status.c.connectivity == wanted.connectivity.value)
    if wanted.standings:
        query = query.where(device_status.c.standing.in_([word.value for word in wanted.standings]))
    for label, value in wanted.labels.items():
        query = query.where(
            exists()
            .where(device_labels.c.device_id == devices.c.device_id)
            .where(device_labels.c.label == label)
            .where(device_labels.c.value == value)
        )
    return query


def _known(row: Any) -> Known:
    own: dict[str, Any] = {}
    said: dict[str, Any] = {}
    for name, value in row._mapping.items():
        (own if name.startswith("d_") else said)[name[2:]] = value
    return Known(msgspec.convert(own, DeviceRecord), msgspec.convert(said, StatusRecord))

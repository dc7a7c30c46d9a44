"""Alert rules that were set, and what stands under all rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Table, exists, func, insert, select, update
from sqlalchemy import delete as remove
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.words import HoldState
from pyv_fleet.store.records import changed, chunks, many, values_of
from pyv_fleet.store.schema import alert_holds, alert_outages, alert_rules, device_labels, device_status, devices
from pyvorin_edge.vocabulary import Connectivity


class RuleRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that was set; `rule` is core/alert_rules.py's AlertRule."""

    name: str
    rule: dict[str, Any]
    changed_by: str
    changed_at: int


class HoldRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What stands for a device under a rule."""

    rule: str
    device_id: str
    state: HoldState
    since: int
    at: int
    value: str


class OutageRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What stands for a label value under a rule."""

    rule: str
    value: str
    label: str
    state: HoldState
    onset: int
    at: int


async def every(connection: AsyncConnection) -> list[RuleRecord]:
    """All rules that were set, by name."""
    return await many(connection, select(alert_rules).order_by(alert_rules.c.name), RuleRecord)


async def save(connection: AsyncConnection, record: RuleRecord) -> None:
    """Insert or replace a rule."""
    values = values_of(record)
    same = alert_rules.c.name == record.name
    done = await connection.execute(update(alert_rules).where(same).values(changed(values, "name")))
    if done.rowcount == 0:
        await connection.execute(insert(alert_rules).values(values))


async def delete(connection: AsyncConnection, name: str) -> bool:
    """Whether there was one."""
    done = await connection.execute(remove(alert_rules).where(alert_rules.c.name == name))
    return done.rowcount > 0


async def holds(connection: AsyncConnection) -> list[HoldRecord]:
    """All that stands for devices."""
    return await many(connection, select(alert_holds), HoldRecord)


async def outages(connection: AsyncConnection) -> list[OutageRecord]:
    """All that stands for label values."""
    return await many(connection, select(alert_outages), OutageRecord)


async def set_holds(
    connection: AsyncConnection, rule: str, records: Sequence[HoldRecord], gone: Iterable[str] = ()
) -> None:
    """Under one rule: these stand now, and for the devices `gone` nothing does."""
    await _forget(connection, alert_holds, rule, "device_id", [*gone, *(one.device_id for one in records)])
    if records:
        await connection.execute(insert(alert_holds), [values_of(one) for one in records])


async def set_outages(
    connection: AsyncConnection, rule: str, records: Sequence[OutageRecord], gone: Iterable[str] = ()
) -> None:
    """Under one rule: these stand now, and for the values `gone` nothing does."""
    await _forget(connection, alert_outages, rule, "value", [*gone, *(one.value for one in records)])
    if records:
        await connection.execute(insert(alert_outages), [values_of(one) for one in records])


async def forget_rule(connection: AsyncConnection, rule: str) -> None:
    """Nothing stands under it any more."""
    for table in (alert_holds, alert_outages):
        await connection.execute(remove(table).where(table.c.rule == rule))


async def population(
    connection: AsyncConnection, label: str, value: str, where: dict[str, tuple[str, ...]], channel: str | None
) -> int:
    """How many devices have that label value ("" = not the label), are meant, not shut out, and were ever heard."""
    query = (
        select(func.count())
        .select_from(devices.join(device_status, devices.c.device_id == device_status.c.device_id))
        .where(devices.c.quarantined.is_(False))
        .where(device_status.c.connectivity != Connectivity.NEVER_SEEN.value)
    )
    query = query.where(_labelled(label, (value,)) if value else ~_labelled(label))
    query = query if channel is None else query.where(devices.c.channel == channel)
    for key, values in where.items():
        query = query.where(_labelled(key, values))
    return int((await connection.execute(query)).scalar_one())


def _labelled(label: str, values: Iterable[str] = ()) -> Any:
    found = exists().where(device_labels.c.device_id == devices.c.device_id).where(device_labels.c.label == label)
    wanted = list(values)
    return found.where(device_labels.c.value.in_(wanted)) if wanted else found


async def _forget(connection: AsyncConnection, table: Table, rule: str, key: str, values: Iterable[str]) -> None:
    for some in chunks(values):
        await connection.execute(remove(table).where(table.c.rule == rule).where(table.c[key].in_(some)))

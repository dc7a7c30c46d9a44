"""Rollouts, their waves, and the devices by which each wave is judged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.words import RolloutState, Verdict, WaveState
from pyv_fleet.store.records import add, changed, many, one, page, record_of, values_of
from pyv_fleet.store.schema import rollouts, wave_members, waves

OPEN = (RolloutState.READY, RolloutState.WAITING, RolloutState.ROLLING, RolloutState.PAUSED, RolloutState.REVERTING)


class RolloutRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout; `machine` is core/rollout.py's value whole, `spec` the RolloutSpec that was asked for."""

    id: str
    channel: str
    release: str
    baseline: str | None
    state: RolloutState
    wave: int
    spec: dict[str, Any]
    machine: dict[str, Any]
    because: str
    reason: str
    created_by: str
    created_at: int
    ended_at: int | None = None
    name: str | None = None


class WaveRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One wave of a rollout; `rule` says who is in (where, salt, below), `tally` how its devices do."""

    rollout_id: str
    wave: int
    cohort: str
    state: WaveState = WaveState.PENDING
    rule: dict[str, Any] | None = None
    tally: dict[str, Any] = {}
    verdict: Verdict | None = None
    because: str = ""
    generation: int | None = None
    started_at: int | None = None
    applied_at: int | None = None
    judged_at: int | None = None
    #: what the canary analysis last showed, an AnalysisView
    analysis: dict[str, Any] | None = None
    #: core/verdict.py's Wave, which says what they mean
    idle: bool = False
    counted_from: int | None = None


class MemberRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A device by which a wave is judged; `online` when the wave started."""

    rollout_id: str
    wave: int
    device_id: str
    online: bool
    outcome: str | None = None
    #: its start counter, and its boot id unless it ran the release already
    boot: int | None = None
    boot_id: str | None = None


async def get(connection: AsyncConnection, rollout_id: str) -> RolloutRecord | None:
    """One rollout."""
    return await one(connection, select(rollouts).where(rollouts.c.id == rollout_id), RolloutRecord)


async def named(connection: AsyncConnection, name: str) -> RolloutRecord | None:
    """One rollout by its name."""
    return await one(connection, select(rollouts).where(rollouts.c.name == name), RolloutRecord)


async def forget_name(connection: AsyncConnection, rollout_id: str) -> None:
    """It has no name any more; another may take it."""
    await connection.execute(update(rollouts).where(rollouts.c.id == rollout_id).values(name=None))


async def open_ones(connection: AsyncConnection, channel: str | None = None) -> list[RolloutRecord]:
    """Rollouts that have not ended, oldest first."""
    query = select(rollouts).where(rollouts.c.state.in_([state.value for state in OPEN])).order_by(rollouts.c.id)
    query = query if channel is None else query.where(rollouts.c.channel == channel)
    return await many(connection, query, RolloutRecord)


async def completed(connection: AsyncConnection, channel: str, release: str) -> bool:
    """Whether a rollout of this release on this channel was completed: every wave was good."""
    this = (rollouts.c.channel == channel) & (rollouts.c.release == release)
    query = select(rollouts.c.id).where(this & (rollouts.c.state == RolloutState.COMPLETED.value)).limit(1)
    return (await connection.execute(query)).first() is not None


async def find_page(
    connection: AsyncConnection, after: str | None, limit: int
) -> tuple[list[RolloutRecord], bool, int]:
    """A page, newest first: rollouts, whether there are more, how many in all. Ids sort by time (`sortable_id`)."""
    paged = await page(connection, select(rollouts), rollouts.c.id, after, limit, newest=True)
    return [record_of(row, RolloutRecord) for row in paged.rows], paged.more, paged.total


async def save(connection: AsyncConnection, record: RolloutRecord) -> None:
    """Insert or replace a rollout; one that is there keeps its name."""
    values = values_of(record)
    done = await connection.execute(
        update(rollouts).where(rollouts.c.id == record.id).values(changed(values, "id", "created_at", "name"))
    )
    if done.rowcount == 0:
        await add(connection, rollouts, record)


async def waves_of(connection: AsyncConnection, rollout_id: str) -> list[WaveRecord]:
    """A rollout's waves in order."""
    query = select(waves).where(waves.c.rollout_id == rollout_id).order_by(waves.c.wave)
    return await many(connection, query, WaveRecord)


async def save_wave(connection: AsyncConnection, record: WaveRecord) -> None:
    """Insert or replace a wave."""
    values = values_of(record)
    this = (waves.c.rollout_id == record.rollout_id) & (waves.c.wave == record.wave)
    done = await connection.execute(update(waves).where(this).values(changed(values, "rollout_id", "wave")))
    if done.rowcount == 0:
        await add(connection, waves, record)


async def freeze_members(connection: AsyncConnection, members: Iterable[MemberRecord]) -> None:
    """Store the list by which a wave is judged, once."""
    rows = [values_of(member) for member in members]
    if rows:
        await connection.execute(insert(wave_members), rows)


async def members_of(connection: AsyncConnection, rollout_id: str, wave: int) -> list[MemberRecord]:
    """The devices by which a wave is judged, by id."""
    query = (
        select(wave_members)
        .where((wave_members.c.rollout_id == rollout_id) & (wave_members.c.wave == wave))
        .order_by(wave_members.c.device_id)
    )
    return await many(connection, query, MemberRecord)


async def set_outcomes(connection: AsyncConnection, rollout_id: str, wave: int, outcomes: Mapping[str, str]) -> None:
    """What became of members, by device id."""
    for device_id, outcome in outcomes.items():
        this = (wave_members.c.rollout_id == rollout_id) & (wave_members.c.wave == wave)
        this = this & (wave_members.c.device_id == device_id)
        await connection.execute(update(wave_members).where(this).values(outcome=outcome))


async def rollouts_with(connection: AsyncConnection, device_ids: Iterable[str]) -> set[str]:
    """Ids of open rollouts in which one of these devices is judged."""
    query = (
        select(wave_members.c.rollout_id)
        .join(rollouts, rollouts.c.id == wave_members.c.rollout_id)
        .where(rollouts.c.state.in_([state.value for state in OPEN]))
        .where(wave_members.c.device_id.in_(list(device_ids)))
        .distinct()
    )
    return {str(rollout_id) for (rollout_id,) in (await connection.execute(query)).all()}

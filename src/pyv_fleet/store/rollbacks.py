"""Rollbacks and who acknowledged them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Select, bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.rollback import Said
from pyv_fleet.core.words import ReturnStanding
from pyv_fleet.store.records import add, chunks, many, one, page, record_of, values_of
from pyv_fleet.store.schema import device_status, devices, rollback_acks, rollbacks


class RollbackTarget(msgspec.Struct, frozen=True, kw_only=True):
    """What one channel was ordered to go back to, by which directive, and from what."""

    release: str
    epoch: int
    generation: int
    version: str = ""
    attempt: int = 0
    #: of the directive's payload
    message_sha256: str = ""
    #: how many devices ran what, by version
    was: dict[str, int] = {}
    #: the rollout that ended for it
    superseded: str | None = None
    #: how many of its devices were held out on another release: a whole channel goes back with them
    held_out: int = 0


class RollbackRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A rollback; `targets` by channel; `selector` empty = whole channels."""

    id: str
    to_version: str
    targets: dict[str, RollbackTarget]
    reason: str
    created_by: str
    started_at: int
    done_at: int | None = None
    selector: dict[str, tuple[str, ...]] = {}


class AckRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A device that the rollback touches; `online` when it started."""

    rollback_id: str
    device_id: str
    channel: str
    online: bool
    acknowledged_at: int | None = None
    #: where it stood when the rollback ended; from the start on for one that its rules never reached
    standing: ReturnStanding | None = None
    cause: str | None = None

    @property
    def follows(self) -> bool:
        """Whether the order was for it: neither pinned nor quarantined when it was given."""
        return self.standing not in (ReturnStanding.PINNED, ReturnStanding.QUARANTINED)


class Touched(msgspec.Struct, frozen=True, kw_only=True):
    """A device that a rollback may touch, with no more of it than matters there: a fleet's worth is read at once."""

    device_id: str
    channel: str
    labels: dict[str, str]
    said: Said


async def in_channel(connection: AsyncConnection, channel: str) -> list[Touched]:
    """A channel's devices, by id."""
    rows = await connection.execute(_touched().where(devices.c.channel == channel).order_by(devices.c.device_id))
    return [_touched_of(row) for row in rows]


async def by_id(connection: AsyncConnection, device_ids: Iterable[str]) -> list[Touched]:
    """These devices, as far as they are enrolled."""
    found: list[Touched] = []
    for some in chunks(device_ids):
        found += [_touched_of(row) for row in await connection.execute(_touched().where(devices.c.device_id.in_(some)))]
    return found


async def get(connection: AsyncConnection, rollback_id: str) -> RollbackRecord | None:
    """One rollback."""
    return await one(connection, select(rollbacks).where(rollbacks.c.id == rollback_id), RollbackRecord)


async def newest(connection: AsyncConnection) -> RollbackRecord | None:
    """The last one that was ordered."""
    return await one(connection, select(rollbacks).order_by(rollbacks.c.id.desc()).limit(1), RollbackRecord)


async def open_ones(connection: AsyncConnection) -> list[RollbackRecord]:
    """Rollbacks that still wait for acknowledgements, oldest first."""
    query = select(rollbacks).where(rollbacks.c.done_at.is_(None)).order_by(rollbacks.c.id)
    return await many(connection, query, RollbackRecord)


async def find_page(
    connection: AsyncConnection, after: str | None, limit: int
) -> tuple[list[RollbackRecord], bool, int]:
    """A page, newest first: rollbacks, whether there are more, how many in all. Ids sort by time (`sortable_id`)."""
    paged = await page(connection, select(rollbacks), rollbacks.c.id, after, limit, newest=True)
    return [record_of(row, RollbackRecord) for row in paged.rows], paged.more, paged.total


async def put(connection: AsyncConnection, record: RollbackRecord, acks: Sequence[AckRecord]) -> None:
    """Store a new rollback with all devices that it touches."""
    await add(connection, rollbacks, record)
    if acks:
        await connection.execute(insert(rollback_acks), [values_of(ack) for ack in acks])


async def acks_of(connection: AsyncConnection, rollback_id: str) -> list[AckRecord]:
    """All devices that the rollback touches, by id."""
    query = select(rollback_acks).where(rollback_acks.c.rollback_id == rollback_id)
    return await many(connection, query.order_by(rollback_acks.c.device_id), AckRecord)


async def acknowledge(connection: AsyncConnection, rollback_id: str, device_ids: Iterable[str], now_ms: int) -> None:
    """These devices run the target; a second acknowledgement changes nothing."""
    this = (rollback_acks.c.rollback_id == rollback_id) & (rollback_acks.c.device_id == bindparam("of"))
    this = this & rollback_acks.c.acknowledged_at.is_(None)
    rows = [{"of": device_id, "at": now_ms} for device_id in device_ids]
    if rows:
        await connection.execute(update(rollback_acks).where(this).values(acknowledged_at=bindparam("at")), rows)


async def close(
    connection: AsyncConnection, rollback_id: str, now_ms: int, stood: Mapping[str, tuple[ReturnStanding, str]]
) -> None:
    """It waits for nobody any more; `stood`: where those stand that are not back, and why, by id."""
    await connection.execute(update(rollbacks).where(rollbacks.c.id == rollback_id).values(done_at=now_ms))
    this = (rollback_acks.c.rollback_id == rollback_id) & (rollback_acks.c.device_id == bindparam("of"))
    rows: list[dict[str, Any]] = [
        {"of": device_id, "word": word.value, "why": why} for device_id, (word, why) in stood.items()
    ]
    if rows:
        changes: dict[str, Any] = {"standing": bindparam("word"), "cause": bindparam("why")}
        await connection.execute(update(rollback_acks).where(this).values(changes), rows)


_SAID = (
    "connectivity", "last_seen", "epoch", "generation", "phase", "waiting_for", "running_release", "running_version",
    "result_release", "result_attempt", "result_outcome", "result_code", "result_detail",
)  # fmt: skip


def _touched() -> Select[Any]:
    own = (devices.c.device_id, devices.c.channel, devices.c.labels, devices.c.quarantined, devices.c.pin)
    said = [device_status.c[name] for name in (*_SAID, "refused")]
    return select(*own, *said).join_from(devices, device_status, devices.c.device_id == device_status.c.device_id)


def _touched_of(row: Any) -> Touched:
    device_id, channel, labels, quarantined, pin, *said, refused = row
    known = dict(zip(_SAID, said, strict=True))
    known |= {"quarantined": quarantined, "pinned": bool(pin), "refused": refused["code"] if refused else None}
    return Touched(device_id=device_id, channel=channel, labels=labels, said=msgspec.convert(known, Said))

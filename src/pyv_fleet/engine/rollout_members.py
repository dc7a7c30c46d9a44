"""Which devices a wave is judged by, and where each stands: now while it is open, as it was judged afterwards."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.views import MemberView, Page
from pyv_fleet.core.words import MemberStanding, WaveState
from pyv_fleet.engine.errors import Conflict, NotFound
from pyv_fleet.engine.rollout_views import machine_of
from pyv_fleet.engine.rollout_watch import Watch
from pyv_fleet.store import rollouts
from pyv_fleet.store.rollouts import MemberRecord, RolloutRecord


async def members_of(
    connection: AsyncConnection, watch: Watch, record: RolloutRecord, wave: int | None
) -> list[MemberView]:
    """All members of a wave (from 1; none = the last that was opened), by id.

    NotFound for a wave that was not opened, Conflict for one that was never judged of a rollout that has ended: its
    devices were sent elsewhere since.
    """
    at = machine_of(record)
    number = max(at.opened, 1) if wave is None else wave
    if not 1 <= number <= max(at.opened, 1):
        raise NotFound("no such wave", f"wave {number} of {record.id} was not opened")
    stored = (await rollouts.waves_of(connection, record.id))[number - 1]
    if stored.state is WaveState.JUDGED:
        return [_judged(one) for one in await rollouts.members_of(connection, record.id, number - 1)]
    if at.ended and at.opened:
        raise Conflict("never judged", f"{record.id} ended before wave {number} was judged: how it stood is not kept")
    standings = await watch.standings(connection, record, number - 1)
    return [MemberView(device_id=one, standing=word, said=said) for one, word, said in standings]


def page_of(
    found: Sequence[MemberView], standing: MemberStanding | None, after: str | None, limit: int
) -> Page[MemberView]:
    """One page of those that stand so."""
    some = [one for one in found if standing in (None, one.standing)]
    rest = [one for one in some if after is None or one.device_id > after]
    items = tuple(rest[:limit])
    return Page(items=items, next=items[-1].device_id if len(rest) > limit else None, total=len(some))


def _judged(member: MemberRecord) -> MemberView:
    """Only those are kept that did not simply take it."""
    word = MemberStanding(member.outcome) if member.outcome else MemberStanding.COMMITTED
    return MemberView(device_id=member.device_id, standing=word, said=f"when it was judged, {word.sentence}")

"""What a person asks of a rollout, as an event of its machine."""

from __future__ import annotations

from typing import assert_never

from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.rollout import Rollout
from pyv_fleet.core.rollout_events import (
    Aborted,
    Approved,
    Event,
    Paused,
    Promoted,
    Resumed,
    Retried,
    Skipped,
    Started,
    Stayed,
)
from pyv_fleet.core.views import RolloutVerb
from pyv_fleet.core.words import OnAbort, RolloutAct
from pyv_fleet.engine.errors import Conflict, Invalid
from pyv_fleet.store import releases, rollouts


async def event_of(
    connection: AsyncConnection, at: Rollout, act: RolloutAct, verb: RolloutVerb, actor: str, now: int
) -> Event:
    """The event, with what it needs looked up. Invalid for a verb without what it is about, Conflict if stale."""
    because = f"{actor} {act.past} it: {verb.reason}"
    match act:
        case RolloutAct.START:
            return Started(at=now, because=because)
        case RolloutAct.APPROVE:
            return Approved(at=now, because=because, by=actor)
        case RolloutAct.PAUSE:
            return Paused(at=now, because=because)
        case RolloutAct.RESUME:
            return Resumed(at=now, because=because)
        case RolloutAct.PROMOTE:
            if verb.wave is not None and verb.wave != at.wave + 1:
                raise Conflict("another wave", f"wave {at.wave + 1} is under way, not {verb.wave}")
            return Promoted(at=now, because=because)
        case RolloutAct.RETRY:
            return Retried(at=now, because=because, attempt=await releases.next_attempt(connection, at.plan.release))
        case RolloutAct.SKIP:
            return Skipped(at=now, because=because, device_ids=await _members(connection, at, verb))
        case RolloutAct.ABORT:
            stay = at.plan.on_abort is OnAbort.STAY if verb.stay is None else verb.stay
            return (Stayed if stay else Aborted)(at=now, because=because)
        case _:
            assert_never(act)


async def _members(connection: AsyncConnection, at: Rollout, verb: RolloutVerb) -> tuple[str, ...]:
    """The devices to skip: members of the wave that was opened last."""
    known = {one.device_id for one in await rollouts.members_of(connection, at.plan.id, max(0, at.opened - 1))}
    strangers = sorted(set(verb.device_ids) - known)
    if not verb.device_ids or strangers:
        said = f"{strangers[0]} is not judged in this wave" if strangers else "name the devices to skip"
        raise Invalid("device_ids", said, (f"device_ids: {said}",))
    return verb.device_ids

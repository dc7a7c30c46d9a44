"""Rollouts: start, watch, pause, resume, abort."""

from __future__ import annotations

from litestar import get, post
from litestar.params import FromPath, JSONBody

from pyv_fleet.api.context import After, HasCaller, HasDesk, Limit, actor_of
from pyv_fleet.api.guards import may
from pyv_fleet.core.views import Page, RolloutSpec, RolloutVerb, RolloutView
from pyv_fleet.core.words import AuthScope


@post("/v1/rollouts", opt=may(AuthScope.OPERATE))
async def create(desk: HasDesk, caller: HasCaller, data: JSONBody[RolloutSpec]) -> RolloutView:
    """Make a rollout and start it."""
    return await desk.create_rollout(data, actor_of(caller))


@get("/v1/rollouts", opt=may(AuthScope.READ))
async def rollouts(desk: HasDesk, after: After = None, limit: Limit = 20) -> Page[RolloutView]:
    """Rollouts, the newest first."""
    return await desk.rollouts(after, limit)


@get("/v1/rollouts/{rollout_id:str}", opt=may(AuthScope.READ))
async def rollout(desk: HasDesk, rollout_id: FromPath[str]) -> RolloutView:
    """One rollout with its waves."""
    return await desk.rollout(rollout_id)


@post("/v1/rollouts/{rollout_id:str}/pause", opt=may(AuthScope.OPERATE), status_code=200)
async def pause(
    desk: HasDesk, caller: HasCaller, rollout_id: FromPath[str], data: JSONBody[RolloutVerb]
) -> RolloutView:
    """Hold where it is."""
    return await desk.pause_rollout(rollout_id, data, actor_of(caller))


@post("/v1/rollouts/{rollout_id:str}/resume", opt=may(AuthScope.OPERATE), status_code=200)
async def resume(
    desk: HasDesk, caller: HasCaller, rollout_id: FromPath[str], data: JSONBody[RolloutVerb]
) -> RolloutView:
    """Go on from a pause."""
    return await desk.resume_rollout(rollout_id, data, actor_of(caller))


@post("/v1/rollouts/{rollout_id:str}/abort", opt=may(AuthScope.OPERATE), status_code=200)
async def abort(
    desk: HasDesk, caller: HasCaller, rollout_id: FromPath[str], data: JSONBody[RolloutVerb]
) -> RolloutView:
    """End it: back to the baseline, or `stay` where it is."""
    return await desk.abort_rollout(rollout_id, data, actor_of(caller))


ROUTES = (create, rollouts, rollout, pause, resume, abort)

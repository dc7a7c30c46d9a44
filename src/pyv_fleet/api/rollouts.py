"""Rollouts: plan, make, watch, and whatever a person does with one."""

from __future__ import annotations

from typing import Annotated

from litestar import get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from pyv_fleet.api.context import After, HasCaller, HasDesk, Limit, actor_of
from pyv_fleet.api.guards import may
from pyv_fleet.core.views import MemberView, Page, PlanView, RollbackView, RolloutSpec, RolloutVerb, RolloutView
from pyv_fleet.core.words import AuthScope, MemberStanding, RolloutAct

Wave = Annotated[int | None, QueryParameter(name="wave", ge=1, description="from 1; else the last that was opened")]
Standing = Annotated[MemberStanding | None, QueryParameter(name="standing", description="only those that stand so")]


@post("/v1/rollouts/plan", opt=may(AuthScope.READ), status_code=200)
async def plan(desk: HasDesk, data: JSONBody[RolloutSpec]) -> PlanView:
    """What a rollout would do now, device by device, and what speaks against it; nothing is done."""
    return await desk.plan_rollout(data)


@post("/v1/rollouts", opt=may(AuthScope.OPERATE))
async def create(desk: HasDesk, caller: HasCaller, data: JSONBody[RolloutSpec]) -> RolloutView:
    """Make a rollout, and start it unless `hold`; `emergency` is an admin's."""
    return await desk.create_rollout(data, actor_of(caller), caller.scope)


@get("/v1/rollouts", opt=may(AuthScope.READ))
async def rollouts(desk: HasDesk, after: After = None, limit: Limit = 20) -> Page[RolloutView]:
    """Rollouts, the newest first."""
    return await desk.rollouts(after, limit)


@get("/v1/rollouts/{rollout_id:str}", opt=may(AuthScope.READ))
async def rollout(desk: HasDesk, rollout_id: FromPath[str]) -> RolloutView:
    """One rollout with its waves, by id or name."""
    return await desk.rollout(rollout_id)


@get("/v1/rollouts/{rollout_id:str}/devices", opt=may(AuthScope.READ))
async def rollout_devices(
    desk: HasDesk,
    rollout_id: FromPath[str],
    wave: Wave = None,
    standing: Standing = None,
    after: After = None,
    limit: Limit = 100,
) -> Page[MemberView]:
    """By which devices a wave is judged, and where each stands: now, or as it was judged."""
    return await desk.rollout_devices(rollout_id, wave, standing, after, limit)


@post("/v1/rollouts/{rollout_id:str}/undo", opt=may(AuthScope.OPERATE), status_code=200)
async def undo(
    desk: HasDesk, caller: HasCaller, rollout_id: FromPath[str], data: JSONBody[RolloutVerb]
) -> RollbackView:
    """Take back a rollout that has ended: its channel goes back to what it ran before, as a rollback."""
    return await desk.rollbacks.start(await desk.undone_by(rollout_id, data), actor_of(caller))


@post("/v1/rollouts/{rollout_id:str}/forget", opt=may(AuthScope.OPERATE), status_code=200)
async def forget(
    desk: HasDesk, caller: HasCaller, rollout_id: FromPath[str], data: JSONBody[RolloutVerb]
) -> RolloutView:
    """Let a rollout that has ended go of its name, so that another may have it; its history stays."""
    return await desk.forget_rollout(rollout_id, data, actor_of(caller))


@post("/v1/rollouts/{rollout_id:str}/{act:str}", opt=may(AuthScope.OPERATE), status_code=200)
async def act(
    desk: HasDesk, caller: HasCaller, rollout_id: FromPath[str], act: FromPath[RolloutAct], data: JSONBody[RolloutVerb]
) -> RolloutView:
    """Start, approve, pause, resume, promote, retry, skip or abort it; what has come about changes nothing."""
    return await desk.act_on_rollout(rollout_id, act, data, actor_of(caller))


ROUTES = (plan, create, rollouts, rollout, rollout_devices, undo, forget, act)

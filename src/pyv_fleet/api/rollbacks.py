"""Rollbacks: one order a channel, acknowledged by every device."""

from __future__ import annotations

from litestar import Response, get, post
from litestar.params import FromPath, JSONBody

from pyv_fleet.api.context import HasCaller, HasDesk, actor_of
from pyv_fleet.api.guards import may
from pyv_fleet.core.views import RollbackSpec, RollbackView
from pyv_fleet.core.words import AuthScope


@post("/v1/rollbacks", opt=may(AuthScope.OPERATE))
async def rollback(desk: HasDesk, caller: HasCaller, data: JSONBody[RollbackSpec]) -> Response[RollbackView]:
    """Take channels back to a release; `dry_run` says whom it would touch and does nothing (200)."""
    view = await desk.rollback(data, actor_of(caller))
    return Response(view, status_code=200 if data.dry_run else 201)


@get("/v1/rollbacks/{rollback_id:str}", opt=may(AuthScope.READ))
async def status(desk: HasDesk, rollback_id: FromPath[str]) -> RollbackView:
    """Who has acknowledged, who has not, and how fast."""
    return await desk.rollback_status(rollback_id)


ROUTES = (rollback, status)

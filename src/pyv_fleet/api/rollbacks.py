"""Rollbacks: one order a channel, acknowledged by every device."""

from __future__ import annotations

from typing import Annotated

from litestar import Response, get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from pyv_fleet.api.context import After, HasCaller, HasDesk, Limit, actor_of
from pyv_fleet.api.guards import may
from pyv_fleet.core.views import Page, RollbackAcks, RollbackReport, RollbackSpec, RollbackView
from pyv_fleet.core.words import AuthScope

Seen = Annotated[int, QueryParameter(name="after", ge=0, description="how many were seen before")]


@post("/v1/rollbacks", opt=may(AuthScope.OPERATE))
async def rollback(desk: HasDesk, caller: HasCaller, data: JSONBody[RollbackSpec]) -> Response[RollbackView]:
    """Take devices back to a release; `dry_run` says whom it would touch and does nothing (200)."""
    view = await desk.rollbacks.start(data, actor_of(caller))
    return Response(view, status_code=200 if data.dry_run else 201)


@get("/v1/rollbacks", opt=may(AuthScope.READ))
async def page(desk: HasDesk, after: After = None, limit: Limit = 100) -> Page[RollbackView]:
    """All rollbacks, newest first."""
    return await desk.rollbacks.page(after, limit)


@get("/v1/rollbacks/{rollback_id:str}", opt=may(AuthScope.READ))
async def status(desk: HasDesk, rollback_id: FromPath[str]) -> RollbackView:
    """How far it is, who of those that were online is not back and why; `last` = the newest."""
    return await desk.rollbacks.status(rollback_id)


@get("/v1/rollbacks/{rollback_id:str}/report", opt=may(AuthScope.READ))
async def report(desk: HasDesk, rollback_id: FromPath[str]) -> RollbackReport:
    """All of it: each device with its seconds or its cause; `last` = the newest."""
    return await desk.rollbacks.report(rollback_id)


@get("/v1/rollbacks/{rollback_id:str}/acknowledgements", opt=may(AuthScope.READ))
async def acknowledgements(
    desk: HasDesk, rollback_id: FromPath[str], after: Seen = 0, limit: Limit = 1000
) -> RollbackAcks:
    """Who acknowledged, in the order in which they did, after the first `after`."""
    return await desk.rollbacks.acknowledgements(rollback_id, after, limit)


ROUTES = (rollback, page, status, report, acknowledgements)

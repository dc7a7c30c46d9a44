"""What happened: alerts and the audit log, the newest first."""

from __future__ import annotations

from typing import Annotated

from litestar import get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from pyv_fleet.api.context import After, HasCaller, HasDesk, Limit, actor_of
from pyv_fleet.api.guards import may
from pyv_fleet.core.views import AlertVerb, AlertView, AuditCheck, AuditView, Page
from pyv_fleet.core.words import AuthScope

Known = Annotated[
    str | None, QueryParameter(name="known", max_length=100, description="a `head` that was written down: SEQ:HASH")
]


@get("/v1/alerts", opt=may(AuthScope.READ))
async def alerts(desk: HasDesk, after: After = None, limit: Limit = 100) -> Page[AlertView]:
    """Alerts."""
    return await desk.alerts(after, limit)


@post("/v1/alerts/{alert_id:str}/acknowledge", opt=may(AuthScope.OPERATE), status_code=200)
async def acknowledge(
    desk: HasDesk, caller: HasCaller, alert_id: FromPath[str], data: JSONBody[AlertVerb]
) -> AlertView:
    """Say that an emergency or a foreign directive was seen: it leaves the page."""
    return await desk.acknowledge(alert_id, data, actor_of(caller))


@get("/v1/audit", opt=may(AuthScope.READ))
async def audit(desk: HasDesk, after: After = None, limit: Limit = 100) -> Page[AuditView]:
    """Acts of people and of the controller itself."""
    return await desk.audit(after, limit)


@get("/v1/audit/check", opt=may(AuthScope.READ))
async def check_audit(desk: HasDesk, known: Known = None) -> AuditCheck:
    """Whether every line of the audit log still follows from the one before."""
    return await desk.check_audit(known)


ROUTES = (alerts, acknowledge, audit, check_audit)

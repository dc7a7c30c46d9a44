"""What happened: alerts and the audit log, the newest first."""

from __future__ import annotations

from litestar import get

from pyv_fleet.api.context import After, HasDesk, Limit
from pyv_fleet.api.guards import may
from pyv_fleet.core.views import AlertView, AuditView, Page
from pyv_fleet.core.words import AuthScope


@get("/v1/alerts", opt=may(AuthScope.READ))
async def alerts(desk: HasDesk, after: After = None, limit: Limit = 100) -> Page[AlertView]:
    """Alerts."""
    return await desk.alerts(after, limit)


@get("/v1/audit", opt=may(AuthScope.READ))
async def audit(desk: HasDesk, after: After = None, limit: Limit = 100) -> Page[AuditView]:
    """Acts of people and of the controller itself."""
    return await desk.audit(after, limit)


ROUTES = (alerts, audit)

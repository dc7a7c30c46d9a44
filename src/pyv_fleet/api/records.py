"""What people and the controller did, the newest first."""

from __future__ import annotations

from typing import Annotated

from litestar import get
from litestar.params import QueryParameter

from pyv_fleet.api.context import After, HasDesk, Limit
from pyv_fleet.api.guards import may
from pyv_fleet.core.views import AuditCheck, AuditView, Page
from pyv_fleet.core.words import AuthScope

Known = Annotated[
    str | None, QueryParameter(name="known", max_length=100, description="a `head` that was written down: SEQ:HASH")
]


@get("/v1/audit", opt=may(AuthScope.READ))
async def audit(desk: HasDesk, after: After = None, limit: Limit = 100) -> Page[AuditView]:
    """Acts of people and of the controller itself."""
    return await desk.audit(after, limit)


@get("/v1/audit/check", opt=may(AuthScope.READ))
async def check_audit(desk: HasDesk, known: Known = None) -> AuditCheck:
    """Whether every line of the audit log still follows from the one before."""
    return await desk.check_audit(known)


ROUTES = (audit, check_audit)

"""For devices without MQTT: report by POST, orders by GET (PROTOCOL 6, 9)."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromPath, QueryParameter

from pyv_fleet.api.context import HasContext, HasDesk
from pyv_fleet.api.guards import may
from pyv_fleet.engine.desired import Desired
from pyvorin_edge.wire import REPORT_BYTES_MAX

WAIT_SECONDS_MAX: Final = 55
Wait = Annotated[int, QueryParameter(name="wait", ge=0, le=WAIT_SECONDS_MAX, description="seconds")]
AnyRequest = Request[Any, Any, Any]


class DesiredBody(msgspec.Struct, frozen=True, kw_only=True):
    """The orders in force for a device, as envelopes in text, none where there is none; the newest trust document's
    version."""

    directive: str | None
    assignment: str | None
    trust: int


@post(
    "/v1/devices/{device_id:str}/report",
    opt=may(same_device=True),
    request_max_body_size=REPORT_BYTES_MAX,
    status_code=204,
)
async def report(desk: HasDesk, device_id: FromPath[str], request: AnyRequest) -> Response[None]:
    """Take a report, as over MQTT; answered after it is stored, with the ETag of what is desired."""
    await desk.accept_report(device_id, await request.body())
    return Response(None, status_code=204, headers={"ETag": (await desk.desired(device_id)).etag})


@get("/v1/devices/{device_id:str}/desired", opt=may(same_device=True))
async def desired(
    desk: HasDesk, context: HasContext, device_id: FromPath[str], request: AnyRequest, wait: Wait = 0
) -> Response[DesiredBody | None]:
    """The directive and assignment in force; 304 if `If-None-Match` still holds after `wait` seconds. Asking counts as
    a sign of life: a device that polls is online."""
    known = request.headers.get("if-none-match")
    found = await desk.polled(device_id, known, wait, context.closing)
    if found.etag == known:
        return Response(None, status_code=304, headers={"ETag": found.etag})
    return Response(_body(found), headers={"ETag": found.etag})


def _body(found: Desired) -> DesiredBody:
    directive, assignment = (
        part.decode("utf-8") if part is not None else None for part in (found.directive, found.assignment)
    )
    return DesiredBody(directive=directive, assignment=assignment, trust=found.trust)


ROUTES = (report, desired)

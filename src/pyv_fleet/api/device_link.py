"""For devices without MQTT: report by POST, orders by GET (PROTOCOL 6, 9)."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromPath, QueryParameter

from pyv_fleet.api.context import HasContext, HasDesk
from pyv_fleet.api.guards import may
from pyvorin_edge.wire import REPORT_BYTES_MAX

WAIT_SECONDS_MAX: Final = 55
POLL_SECONDS: Final = 1.0
Wait = Annotated[int, QueryParameter(name="wait", ge=0, le=WAIT_SECONDS_MAX, description="seconds")]
AnyRequest = Request[Any, Any, Any]


class Desired(msgspec.Struct, frozen=True, kw_only=True):
    """The orders in force for a device, as envelopes in text; none where there is none."""

    directive: str | None
    assignment: str | None


@post(
    "/v1/devices/{device_id:str}/report",
    opt=may(same_device=True),
    request_max_body_size=REPORT_BYTES_MAX,
    status_code=204,
)
async def report(desk: HasDesk, device_id: FromPath[str], request: AnyRequest) -> Response[None]:
    """Take a report, as over MQTT; answered after it is stored, with the ETag of what is desired."""
    await desk.accept_report(device_id, await request.body())
    return Response(None, status_code=204, headers={"ETag": _etag(await desk.desired(device_id))})


@get("/v1/devices/{device_id:str}/desired", opt=may(same_device=True))
async def desired(
    desk: HasDesk, context: HasContext, device_id: FromPath[str], request: AnyRequest, wait: Wait = 0
) -> Response[Desired | None]:
    """The directive and assignment in force; 304 if `If-None-Match` still holds after `wait` seconds."""
    known = request.headers.get("if-none-match")
    deadline = asyncio.get_running_loop().time() + wait
    while True:
        found = await desk.desired(device_id)
        etag = _etag(found)
        if etag != known:
            return Response(_desired(found), headers={"ETag": etag})
        if asyncio.get_running_loop().time() >= deadline or context.closing.is_set():
            return Response(None, status_code=304, headers={"ETag": etag})
        await asyncio.sleep(POLL_SECONDS)


def _desired(found: tuple[bytes | None, bytes | None]) -> Desired:
    directive, assignment = (part.decode("utf-8") if part is not None else None for part in found)
    return Desired(directive=directive, assignment=assignment)


def _etag(found: tuple[bytes | None, bytes | None]) -> str:
    digest = hashlib.sha256(b"\0".join(part or b"" for part in found)).hexdigest()
    return f'"{digest[:32]}"'


ROUTES = (report, desired)

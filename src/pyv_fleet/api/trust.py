"""Trust documents: the chain that devices walk from their anchor."""

from __future__ import annotations

from typing import Annotated

from litestar import Request, Response, get, put
from litestar.datastructures import State
from litestar.params import PathParameter

from pyv_fleet.api.context import HasCaller, HasDesk, actor_of
from pyv_fleet.api.guards import may
from pyv_fleet.core.words import AuthScope
from pyvorin_edge.wire import TRUST_BYTES_MAX

Version = Annotated[int, PathParameter(ge=1, le=2**31 - 1, description="versions begin at 1")]


@get("/v1/trust/{version:int}", opt=may(AuthScope.READ, device=True), media_type="application/json")
async def trust(desk: HasDesk, version: Version) -> Response[bytes]:
    """One trust document, byte for byte."""
    return Response(await desk.trust_document(version), media_type="application/json")


@put(
    "/v1/trust/{version:int}",
    opt=may(AuthScope.ADMIN),
    request_max_body_size=TRUST_BYTES_MAX,
    status_code=204,
)
async def put_trust(desk: HasDesk, caller: HasCaller, version: Version, request: Request[None, None, State]) -> None:
    """The next trust document, raw: verified by the chain, stored, published to every device."""
    await desk.put_trust(version, await request.body(), actor_of(caller))


ROUTES = (trust, put_trust)

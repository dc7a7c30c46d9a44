"""The article's own endpoints, to the letter (PROTOCOL 9): its drift script's two, and the uploader's."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.params import QueryParameter

from pyv_fleet.api.context import HasCaller, HasContext, HasDesk
from pyv_fleet.api.guards import may
from pyv_fleet.core.rates import Rates
from pyv_fleet.core.words import AuthScope
from pyv_fleet.engine.errors import Invalid, NotFound, TooMany, Unauthorised
from pyvorin_edge import wire
from pyvorin_edge.errors import WireError
from pyvorin_edge.identity import parse_device_id

INGEST_BYTES_MAX: Final = 1024 * 1024
ALERT_BYTES_MAX: Final = 4096
DeviceQuery = Annotated[str, QueryParameter(name="device_id", min_length=1, max_length=64)]
Short = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
AnyRequest = Request[Any, Any, Any]
#: per address: the cron jobs of many devices behind one router come at the same minute
_RATES: Final = Rates(burst=600, per_second=20.0)


class ArticleAlert(msgspec.Struct, frozen=True, kw_only=True):
    """What the article's drift script posts."""

    device_id: Short
    alert: Short
    hash: Annotated[str, msgspec.Meta(max_length=128)] = ""


@get("/v1/golden-hash", opt=may(article=True), media_type="text/plain")
async def golden_hash(desk: HasDesk, context: HasContext, caller: HasCaller, device_id: DeviceQuery) -> Response[str]:
    """The golden config hash of a device: its 64 hex characters and nothing else; every error with an empty body."""
    _limit(context, caller.address)
    found = await desk.golden_hash(parse_device_id(device_id))
    if found is None:
        raise NotFound("No golden hash", "none is known for this device")
    return Response(found, media_type="text/plain", headers={"Cache-Control": "no-store"})


@post("/v1/alerts", opt=may(article=True), request_max_body_size=ALERT_BYTES_MAX, status_code=202)
async def alert(desk: HasDesk, context: HasContext, caller: HasCaller, request: AnyRequest) -> Response[bytes]:
    """Take the article's alert; without credentials it is marked unverified. Any Content-Type will do."""
    _limit(context, caller.address)
    try:
        said = wire.decode(await request.body(), ArticleAlert, limit_bytes=ALERT_BYTES_MAX)
    except WireError as why:
        raise Invalid("Not valid", str(why), (str(why),)) from None
    device_id = parse_device_id(said.device_id)
    await desk.article_alert(device_id, said.alert, said.hash, caller.scope not in (None, AuthScope.INGEST))
    return Response(b"", status_code=202, media_type="text/plain")


@post("/v1/ingest", opt=may(everyone=True), request_max_body_size=INGEST_BYTES_MAX, status_code=200)
async def ingest(desk: HasDesk, request: AnyRequest) -> dict[str, bool]:
    """Take a batch of telemetry with a bearer key; 200 again for one seen before from that key."""
    kind, _, key = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not key.strip():
        raise Unauthorised("Not signed in", "ingest needs Authorization: Bearer KEY")
    return {"new": await desk.ingest(key.strip(), await request.body())}


def _limit(context: HasContext, address: str | None) -> None:
    if not _RATES.take(address or "", context.clock().timestamp()):
        raise TooMany("Too many requests", "slow down: 20 a second from one address")


ROUTES = (golden_hash, alert, ingest)

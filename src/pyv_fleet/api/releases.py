"""Releases: upload, look at, and the raw bytes that devices fetch by digest."""

from __future__ import annotations

from typing import Annotated

from litestar import Response, get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from pyv_fleet.api.context import After, HasCaller, HasDesk, Limit, actor_of
from pyv_fleet.api.guards import may
from pyv_fleet.core.views import Page, PromoteBody, ReleaseUpload, ReleaseView, RolloutView, YankBody, YankedView
from pyv_fleet.core.words import AuthScope

FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable"}
"""Named by digest: it never changes."""
Unchecked = Annotated[
    bool,
    QueryParameter(name="unchecked", description="take what does not validate: for tests, admin, audited"),
]


@post("/v1/releases", opt=may(AuthScope.OPERATE))
async def publish(
    desk: HasDesk, caller: HasCaller, data: JSONBody[ReleaseUpload], unchecked: Unchecked = False
) -> Response[ReleaseView]:
    """Take a signed release and its config: 201, or 200 if the same stands already; 422 lists each problem."""
    view, created = await desk.publish_release(
        data.envelope,
        data.blob,
        actor_of(caller),
        unchecked=unchecked,
        scope=caller.scope,
        provenance=data.provenance,
    )
    return Response(view, status_code=201 if created else 200)


@get("/v1/releases", opt=may(AuthScope.READ))
async def releases(desk: HasDesk, after: After = None, limit: Limit = 100) -> Page[ReleaseView]:
    """Releases, the newest first."""
    return await desk.releases(after, limit)


@get("/v1/releases/{ref:str}", opt=may(AuthScope.READ))
async def release(desk: HasDesk, ref: FromPath[str]) -> ReleaseView:
    """One release, by digest or version."""
    return await desk.release(ref)


@get("/v1/releases/{ref:str}/envelope", opt=may(AuthScope.READ, device=True), media_type="application/json")
async def envelope(desk: HasDesk, ref: FromPath[str]) -> Response[bytes]:
    """The signed envelope, byte for byte."""
    return Response(await desk.release_envelope(ref), headers=FOR_EVER, media_type="application/json")


@get("/v1/releases/{ref:str}/provenance", opt=may(AuthScope.READ), media_type="application/json")
async def provenance(desk: HasDesk, ref: FromPath[str]) -> Response[bytes]:
    """The signed statement of where it comes from, byte for byte."""
    return Response(await desk.release_provenance(ref), media_type="application/json")


@post("/v1/releases/{ref:str}/yank", opt=may(AuthScope.OPERATE), status_code=200)
async def yank(desk: HasDesk, caller: HasCaller, ref: FromPath[str], data: JSONBody[YankBody]) -> YankedView:
    """Withdraw it: nothing begins with it any more, its running rollouts pause. With `undo`, allow it again."""
    return await desk.yanks.yank(ref, data, actor_of(caller))


@post("/v1/releases/{ref:str}/promote", opt=may(AuthScope.OPERATE))
async def promote(desk: HasDesk, caller: HasCaller, ref: FromPath[str], data: JSONBody[PromoteBody]) -> RolloutView:
    """Roll out on one channel what another has proved, by the waves of the former."""
    return await desk.promotions.promote(ref, data, actor_of(caller))


@get("/v1/blobs/{sha256:str}", opt=may(AuthScope.READ, device=True), media_type="application/octet-stream")
async def blob(desk: HasDesk, sha256: FromPath[str]) -> Response[bytes]:
    """The bytes of a config."""
    return Response(await desk.blob(sha256), headers=FOR_EVER, media_type="application/octet-stream")


ROUTES = (publish, releases, release, envelope, provenance, yank, promote, blob)

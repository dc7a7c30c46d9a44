"""Bundles: uploaded in pieces by operators, downloaded by devices whole or from where it was cut (RFC 9110, 14)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, BinaryIO, Final

from litestar import Request, put, route
from litestar.enums import HttpMethod
from litestar.params import FromPath
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from pyv_fleet.api.context import HasCaller, HasContext, HasDesk, actor_of
from pyv_fleet.api.guards import may
from pyv_fleet.api.slots import Slots
from pyv_fleet.core.bundles import BundleView
from pyv_fleet.core.ranges import Piece, Span, Unsatisfiable, asked_span, brought_piece
from pyv_fleet.core.words import AuthScope
from pyv_fleet.engine.bundles import Bundles
from pyv_fleet.engine.errors import Invalid

log = logging.getLogger(__name__)

#: One piece: small enough for a slow line within the minute that a request may take.
PIECE_BYTES_MAX: Final = 8 * 1024 * 1024
CHUNK_BYTES: Final = 64 * 1024
#: A reader that does not take a chunk in so long has gone, and gives its place to another.
STALL_SECONDS: Final = 60.0
AnyRequest = Request[Any, Any, Any]


class Download(ASGIResponse):
    """A span of a bundle, sent as fast as the reader takes it; holds one chunk and one place among the downloads."""

    def __init__(
        self, bundles: Bundles, sha256: str, slots: Slots, who: str, *, span: Span | None, **more: Any
    ) -> None:
        super().__init__(**more)
        self._bundles = bundles
        self._sha256 = sha256
        self._span = span
        self._slots = slots
        self._who = who

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """TooMany before anything is sent; see the class."""
        if self.is_head_response or self._span is None:
            await super().__call__(scope, receive, send)
            return
        with self._slots.taken_by(self._who):
            file = await self._bundles.open(self._sha256)
            gone = asyncio.create_task(_gone(receive))
            try:
                await self.start_response(send)
                async for chunk in _chunks(file, self._span):
                    if gone.done():
                        return
                    async with asyncio.timeout(STALL_SECONDS):
                        await send({"type": "http.response.body", "body": chunk, "more_body": True})
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            except TimeoutError:
                log.warning("%s took nothing of bundle %s for %g s: cut off", self._who, self._sha256, STALL_SECONDS)
            finally:
                gone.cancel()
                file.close()


@put(
    "/v1/bundles/{sha256:str}",
    opt=may(AuthScope.OPERATE),
    request_max_body_size=PIECE_BYTES_MAX,
    status_code=200,
)
async def upload(desk: HasDesk, caller: HasCaller, sha256: FromPath[str], request: AnyRequest) -> BundleView:
    """Bring a piece of a bundle: `Content-Range: bytes 0-8388607/20971520`, at most 8 MiB each, in order.

    `Content-Range: bytes */20971520` with an empty body asks how far the upload is: go on from `received`. Without
    the header the body is the whole bundle. 422 if the whole has another SHA-256.
    """
    return await desk.bundles.take(sha256, _piece(request), request.stream(), actor_of(caller))


@route(
    "/v1/bundles/{sha256:str}",
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    opt=may(AuthScope.READ, device=True),
    status_code=200,
)
async def download(
    desk: HasDesk, context: HasContext, caller: HasCaller, sha256: FromPath[str], request: AnyRequest
) -> Download:
    """A bundle's archive. `Range` (one range) and `If-Range` resume a download that was cut: 206, 416.

    429 with `Retry-After` when too many downloads are under way, in all or of this caller.
    """
    size = await desk.bundles.size_of(sha256)
    etag = f'"{sha256}"'
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": etag,
        "Cache-Control": "private, max-age=31536000, immutable",
        "Content-Type": "application/octet-stream",
    }
    head = request.method == HttpMethod.HEAD
    answer = partial(Download, desk.bundles, sha256, context.downloads, actor_of(caller))
    try:
        asked = None if head else asked_span(size, etag, request.headers.get("range"), request.headers.get("if-range"))
    except Unsatisfiable:
        headers |= {"Content-Range": f"bytes */{size}", "Content-Length": "0"}
        return answer(span=None, status_code=416, headers=headers)
    span = asked or Span(0, size - 1)
    headers["Content-Length"] = str(span.size)
    if asked is not None:
        headers["Content-Range"] = f"bytes {span.first}-{span.last}/{size}"
    status = 206 if asked is not None else 200
    return answer(span=span, status_code=status, headers=headers, is_head_response=head)


def _piece(request: AnyRequest) -> Piece:
    stated = request.headers.get("content-range")
    if stated is not None:
        found = brought_piece(stated)
        if found is None:
            said = "Content-Range: write bytes FIRST-LAST/TOTAL, or bytes */TOTAL"
            raise Invalid("Not valid", said, (said,))
        return found
    length = request.headers.get("content-length", "")
    if not length.isdecimal() or int(length) == 0:
        raise Invalid("Not valid", "Content-Length or Content-Range must say how large the bundle is")
    return Piece(Span(0, int(length) - 1), int(length))


async def _chunks(file: BinaryIO, span: Span) -> AsyncIterator[bytes]:
    await asyncio.to_thread(file.seek, span.first)
    left = span.size
    while left:
        chunk = await asyncio.to_thread(file.read, min(left, CHUNK_BYTES))
        if not chunk:
            return
        left -= len(chunk)
        yield chunk


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


ROUTES = (upload, download)

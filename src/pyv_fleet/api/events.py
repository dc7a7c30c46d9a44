"""Server-sent events: one `fleet` event when anything changed, at most two a second, for the page and for programs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

from litestar import get
from litestar.response import ServerSentEvent, ServerSentEventMessage

from pyv_fleet.api.context import ApiContext, HasContext
from pyv_fleet.api.guards import may
from pyv_fleet.core.words import AuthScope

APART_SECONDS: Final = 0.5
SILENCE_SECONDS: Final = 15.0
"""A comment is sent after so long a silence, so that a dead connection is noticed."""


@get("/v1/events", opt=may(AuthScope.READ, page=True), media_type="text/event-stream")
async def events(context: HasContext) -> ServerSentEvent:
    """A `fleet` event at once, and then whenever anything in the fleet changed."""
    return ServerSentEvent(_told(context))


async def _told(context: ApiContext) -> AsyncIterator[ServerSentEventMessage]:
    changed = asyncio.Event()
    listener = asyncio.create_task(_listen(context, changed), name="events-listener")
    try:
        await asyncio.sleep(0)  # the listener listens before the first look, so that nothing falls between the two
        yield ServerSentEventMessage(event="fleet", data="hello")
        while not context.closing.is_set():
            try:
                await asyncio.wait_for(changed.wait(), SILENCE_SECONDS)
            except TimeoutError:
                yield ServerSentEventMessage(comment="still here", data=None)
                continue
            changed.clear()
            if not context.closing.is_set():
                yield ServerSentEventMessage(event="fleet", data="changed")
                await asyncio.sleep(APART_SECONDS)
    finally:
        listener.cancel()
        with suppress(asyncio.CancelledError):
            await listener


async def _listen(context: ApiContext, changed: asyncio.Event) -> None:
    ending = asyncio.create_task(context.closing.wait())
    ending.add_done_callback(lambda _: changed.set())
    try:
        async for _ in context.desk.changes():
            changed.set()
    finally:
        ending.cancel()


ROUTES = (events,)

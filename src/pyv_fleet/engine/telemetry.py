"""What must never be lost: batches of the devices' outbound queues, each stored once (PROTOCOL 9, /v1/ingest)."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from pyv_fleet.core.words import AuthScope
from pyv_fleet.engine.errors import Forbidden, Invalid, Unauthorised
from pyv_fleet.engine.ground import Ground
from pyv_fleet.engine.tokens import Tokens
from pyv_fleet.store import ingest
from pyvorin_edge import wire
from pyvorin_edge.errors import WireError

BATCH_BYTES_MAX: Final = 1024 * 1024
KEPT_MS: Final = 7 * 86_400_000
SENDERS: Final = (AuthScope.INGEST, AuthScope.OPERATE, AuthScope.ADMIN)


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """A batch as the uploader sends it."""

    batch_id: Annotated[str, Meta(min_length=1, max_length=128)]
    timestamp: float
    count: Annotated[int, Meta(ge=0, le=100_000)]
    items: Annotated[list[Any], Meta(max_length=100_000)]


class Telemetry:
    """Stores batches; what is in them is the user's."""

    def __init__(self, ground: Ground, tokens: Tokens) -> None:
        self._ground = ground
        self._tokens = tokens

    async def take(self, key_text: str, body: bytes) -> bool:
        """Stored when this returns; false if this key sent it before. Unauthorised, Forbidden, Invalid (for ever)."""
        known = await self._tokens.scope_of(key_text)
        if known is None:
            raise Unauthorised("not signed in", "this key is unknown, or its time is over")
        if known[1] not in SENDERS:
            raise Forbidden("not allowed", f"{known[0]} may only look: telemetry needs a key of scope ingest")
        batch = await asyncio.to_thread(parse_batch, body)
        async with self._ground.database.begin() as connection:
            now = self._ground.clock()
            return await ingest.put(connection, known[0][:64], batch.batch_id, body, len(batch.items), now)

    async def forget_old(self) -> None:
        """Batches are kept for a week."""
        async with self._ground.database.begin() as connection:
            await ingest.forget_before(connection, self._ground.clock() - KEPT_MS)


def parse_batch(body: bytes) -> Batch:
    """The batch in a body; Invalid names the field."""
    try:
        batch = wire.decode(body, Batch, limit_bytes=BATCH_BYTES_MAX)
    except WireError as why:
        raise Invalid("batch refused", str(why), (str(why),)) from None
    if batch.count != len(batch.items):
        detail = f"count: it says {batch.count} and there are {len(batch.items)} items"
        raise Invalid("batch refused", detail, (detail,))
    return batch

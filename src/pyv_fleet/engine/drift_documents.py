"""The three documents of a device: golden, last applied, live (PROTOCOL 7); the first two made here, the last asked."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.engine.errors import FleetError
from pyv_fleet.engine.ground import Ground
from pyv_fleet.engine.requests import Requests
from pyv_fleet.store import releases
from pyv_fleet.store.releases import ReleaseRecord
from pyv_fleet.store.status import Known
from pyvorin_edge.canonical import refuse_uncanonical
from pyvorin_edge.config.formats import parse
from pyvorin_edge.config.layers import merge_patch
from pyvorin_edge.config.problem import ConfigError
from pyvorin_edge.config.redaction import redact
from pyvorin_edge.errors import CanonicalError
from pyvorin_edge.orders import EMPTY_OVERLAY
from pyvorin_edge.vocabulary import ResponseOutcome, Verb

SNAPSHOT_SECONDS: Final = 5.0


class Live(NamedTuple):
    """What a device runs, as it redacted it."""

    document: dict[str, Any]
    hash: str | None


class Documents:
    """Makes and asks for them."""

    def __init__(self, ground: Ground, requests: Requests) -> None:
        self._ground = ground
        self._requests = requests

    async def base(self, release: str | None) -> tuple[ReleaseRecord, dict[str, Any]] | None:
        """A release, and the document of its config; none if it is not known."""
        async with self._ground.database.read() as connection:
            return None if release is None else await base_of(connection, release)

    async def applied(self, known: Known) -> Any:
        """What the device last applied, redacted; none if its release or its overlay of then is not known any more."""
        device, said = known
        found = await self.base(said.committed_release)
        overlay = said.committed_overlay or EMPTY_OVERLAY
        if found is None or overlay not in (EMPTY_OVERLAY, device.overlay_digest):
            return None
        return redact(merge_patch(found[1], {} if overlay == EMPTY_OVERLAY else device.overlay))

    async def live(self, device_id: str) -> Live | None:
        """What the device runs; none if it does not say within 5 s."""
        try:
            answer = await self._requests.ask(device_id, Verb.SNAPSHOT, {}, "controller", wait_seconds=SNAPSHOT_SECONDS)
        except FleetError:
            return None
        found, hash_ = answer.body.get("config"), answer.body.get("live_hash")
        if answer.outcome is not ResponseOutcome.DONE or not isinstance(found, dict):
            return None
        try:
            refuse_uncanonical(found)
        except CanonicalError:
            return None  # no config of any device: what it means nobody could compare
        return Live(redact(found), hash_ if isinstance(hash_, str) else None)


async def base_of(connection: AsyncConnection, release: str) -> tuple[ReleaseRecord, dict[str, Any]] | None:
    """A release and the document of its config, in the caller's transaction."""
    record = await releases.get(connection, release)
    blob = None if record is None else await releases.get_blob(connection, record.config_sha256)
    if record is None or blob is None:
        return None
    try:
        return record, parse(blob, record.format)
    except ConfigError:
        return None  # published unchecked

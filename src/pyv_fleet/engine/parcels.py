"""The orders in force, packed to be carried by hand or by SSH: the same envelopes, generations and numbers as over the
network, so that neither way can overtake the other (PROTOCOL 1, `parcel`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.parcels import ParcelError, needed, pack
from pyv_fleet.core.policy import Freeze
from pyv_fleet.engine.audit import AuditLog
from pyv_fleet.engine.channels import known_channel
from pyv_fleet.engine.errors import Conflict, Invalid, NotFound
from pyv_fleet.engine.ground import Ground
from pyv_fleet.engine.orders import Orders, directive_of
from pyv_fleet.engine.releases import known_release
from pyv_fleet.engine.rollout_plans import refuse_release
from pyv_fleet.engine.trust_chain import TrustChain
from pyv_fleet.store import devices, releases
from pyv_fleet.store import orders as directives
from pyv_fleet.store import trust as documents
from pyv_fleet.store.channels import ChannelRecord
from pyv_fleet.store.orders import DirectiveRecord
from pyvorin_edge.envelope import open_envelope
from pyvorin_edge.identity import Digest
from pyvorin_edge.orders import Assignment, Rule, decode_order
from pyvorin_edge.vocabulary import RuleKind

#: directives looked through for a release that ran before
HISTORY_MAX: Final = 1000


class Parcels:
    """Packs what is in force; issues an order only where no device follows over the network."""

    def __init__(self, ground: Ground, trust: TrustChain, orders: Orders, audit: AuditLog) -> None:
        self._ground = ground
        self._trust = trust
        self._orders = orders
        self._audit = audit

    async def order(self, channel: str, ref: str, reason: str, actor: str) -> bytes:
        """A release as all that a channel orders, packed: for a channel of devices that are reached by hand or by SSH
        alone, whose canary is whoever carries it. The same again issues nothing.

        NotFound; Conflict if a device follows the channel over the network (a rollout is for those), if the channel is
        frozen and never ran the release, if that is revoked or below the floor; Invalid without a reason.
        """
        if not reason.strip():
            raise Invalid("reason", "say why: it stands in the audit log and in the order")
        async with self._ground.database.begin() as connection:
            terms = await known_channel(connection, channel)
            following = await devices.count(connection, channel)
            if following:
                raise Conflict(
                    "devices follow this channel over the network",
                    f"{following} are enrolled in {channel!r}: start a rollout, whose orders can be exported then",
                )
            release = await known_release(connection, ref)
            refuse_release(release, self._trust.current)
            if not await _ordered(connection, channel, release.digest):
                await _refuse_frozen(connection, terms, release.digest, self._ground.clock())
                attempt = await releases.next_attempt(connection, release.digest)
                rule = Rule(kind=RuleKind.RELEASE, release=Digest(release.digest), attempt=attempt)
                await self._orders.issue_directive(connection, channel, [rule], reason=reason, actor=actor)
                await self._audit.record(
                    connection, actor=actor, act="parcel.order", subject=f"{channel} {release.version}", reason=reason
                )
        await self._orders.publish_pending()
        return await self.of_channel(channel)

    async def of_channel(self, channel: str) -> bytes:
        """The channel's directive in force and every release that it names, for devices that have an assignment or
        never got one. NotFound, Conflict while it orders nothing, Invalid if it is too large."""
        async with self._ground.database.read() as connection:
            await known_channel(connection, channel)
            current = await _current(connection, channel)
            return await _packed(connection, current, None, needed(directive_of(current)))

    async def of_device(self, device_id: str) -> bytes:
        """The same with the device's assignment, and the releases alone that it may be asked for. Errors as there."""
        async with self._ground.database.read() as connection:
            device = await devices.get(connection, device_id)
            if device is None:
                raise NotFound("no such device", device_id)
            current = await _current(connection, device.channel)
            assignment = _assignment(device.assignment)
            wanted = needed(directive_of(current), device_id, assignment)
            return await _packed(connection, current, device.assignment or None, wanted)


def _assignment(envelope: bytes | None) -> Assignment | None:
    return decode_order(open_envelope(envelope).payload, Assignment) if envelope else None


async def _ordered(connection: AsyncConnection, channel: str, digest: str) -> bool:
    """Whether the channel orders this release already, and nothing else."""
    current = await directives.current(connection, channel)
    return current is not None and [rule.release for rule in current.rules] == [digest]


async def _refuse_frozen(connection: AsyncConnection, terms: ChannelRecord, digest: str, now_ms: int) -> None:
    """A freeze bars what is new there; the way back stays open."""
    frozen = next((one for one in msgspec.convert(terms.freezes, list[Freeze]) if one.holds_at(now_ms)), None)
    if frozen is None:
        return
    before = await directives.history(connection, terms.name, HISTORY_MAX)
    if not any(rule.release == digest for one in before for rule in one.rules):
        raise Conflict("the channel is frozen", f"until {frozen.ends_at}: {frozen.reason}")


async def _current(connection: AsyncConnection, channel: str) -> DirectiveRecord:
    current = await directives.current(connection, channel)
    if current is None:
        raise Conflict("nothing to carry", f"channel {channel!r} orders nothing yet: start a rollout on it first")
    return current


async def _packed(
    connection: AsyncConnection, current: DirectiveRecord, assignment: bytes | None, wanted: Sequence[str]
) -> bytes:
    found = []
    for digest in wanted:
        record = await releases.get(connection, digest)
        blob = None if record is None else await releases.get_blob(connection, record.config_sha256)
        if record is None or blob is None:
            raise Conflict("a release is not here", f"the orders name {digest}, which this controller does not hold")
        found.append((record.envelope, blob))
    try:
        return pack(await documents.documents(connection), current.envelope, assignment, found)
    except ParcelError as why:
        raise Invalid("the parcel is too large", str(why)) from None

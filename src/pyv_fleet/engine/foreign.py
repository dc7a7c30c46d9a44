"""Directives found at the broker that this store did not issue (PROTOCOL 5, rules for the controller)."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.offline import is_offline
from pyv_fleet.core.words import AlertName
from pyv_fleet.engine.alerting import Alerting
from pyv_fleet.engine.audit import AuditLog
from pyv_fleet.engine.ground import Ground
from pyv_fleet.engine.orders import record_of
from pyv_fleet.engine.trust_chain import TrustChain
from pyv_fleet.store import alerts, channels, releases
from pyv_fleet.store import orders as directives
from pyv_fleet.store.orders import DirectiveRecord
from pyvorin_edge.envelope import TYPE_DIRECTIVE, EnvelopeError, open_envelope
from pyvorin_edge.orders import Directive, OrderError, decode_order
from pyvorin_edge.trust import Trust, holds
from pyvorin_edge.vocabulary import Role


class Judged(NamedTuple):
    """What follows: a foreign directive now in force, or ours to publish again, or nothing."""

    adopted: DirectiveRecord | None = None
    ours_again: bool = False


class Foreign:
    """Adopts what is higher, answers what is lower with ours, and calls a person for either."""

    def __init__(self, ground: Ground, trust: TrustChain, alerting: Alerting, audit: AuditLog) -> None:
        self._ground = ground
        self._trust = trust
        self._alerting = alerting
        self._audit = audit

    async def judge(self, channel: str, payload: bytes) -> Judged:
        """What the broker has on a channel's topic; an echo of ours needs nothing."""
        async with self._ground.database.read() as connection:
            current = await directives.current(connection, channel)
        if current is not None and current.envelope == payload:
            return Judged()
        found = valid_directive(self._trust.current, self._ground.fleet, channel, payload)
        if found is None:
            return Judged(ours_again=current is not None)
        async with self._ground.database.begin() as connection:
            known = await directives.at(connection, channel, found.epoch, found.generation)
            if known is not None and known.payload_sha256 == found.payload_sha256:
                return Judged(ours_again=current is not None and current.generation != found.generation)
            await self._call_a_person(connection, found)
            if current is not None and (found.epoch, found.generation) <= (current.epoch, current.generation):
                return Judged(ours_again=True)
            await directives.put(connection, found)
            await directives.mark_published(connection, found, self._ground.clock())
            if is_offline(found.issued_by, found.rules) and found.rules[0].open_to_all:
                await channels.set_last_good(connection, channel, found.rules[0].release)  # as after any rollback
            for rule in found.rules:
                await releases.raise_attempt(connection, rule.release, rule.attempt)
        return Judged(adopted=found)

    async def _call_a_person(self, connection: AsyncConnection, found: DirectiveRecord) -> None:
        what = f"generation {found.generation} of channel {found.channel}, issued by {found.issued_by}: {found.reason}"
        if is_offline(found.issued_by, found.rules):
            what = f"a rollback through the broker alone: {what}. If it was yours, say so: pyv-fleet alert acknowledge"
        await self._alerting.raise_alert(
            connection, AlertName.FOREIGN_DIRECTIVE, detail=what, subject=f"channel/{found.channel}"
        )
        await self._audit.record(
            connection, actor="controller", act="directive.foreign", subject=found.channel, reason=what
        )


async def unsettled(ground: Ground) -> list[DirectiveRecord]:
    """Foreign directives in force at which no person has looked yet: rollouts rest until then, also after a kill."""
    async with ground.database.read() as connection:
        return [
            record
            for name, record in (await directives.current_all(connection)).items()
            if record.foreign and await alerts.open_one(connection, AlertName.FOREIGN_DIRECTIVE, f"channel/{name}")
        ]


def valid_directive(trust: Trust, fleet: str, channel: str, payload: bytes) -> DirectiveRecord | None:
    """A directive that devices of the channel would obey; none otherwise. Verified before it is parsed."""
    try:
        envelope = open_envelope(payload)
        if envelope.payload_type != TYPE_DIRECTIVE or not holds(trust, Role.DIRECTIVE, envelope):
            return None
        directive = decode_order(envelope.payload, Directive)
    except (EnvelopeError, OrderError):
        return None
    if (directive.fleet, directive.channel, directive.epoch) != (fleet, channel, trust.epoch):
        return None
    return record_of(directive, payload, envelope.payload, foreign=True)

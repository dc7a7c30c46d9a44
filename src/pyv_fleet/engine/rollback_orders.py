"""What a rollback orders: where each channel goes back to, whom it touches, and the one directive a channel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.offline import LAST_GOOD
from pyv_fleet.core.rollback import RULES_MAX, Ran, rollback_rules
from pyv_fleet.core.rollout import Plan
from pyv_fleet.core.selectors import in_where, where_text
from pyv_fleet.core.views import RollbackSpec
from pyv_fleet.core.waves import is_held_out
from pyv_fleet.core.words import ReturnStanding
from pyv_fleet.engine.errors import Conflict, Invalid, NotFound
from pyv_fleet.engine.ground import Ground
from pyv_fleet.engine.last_good import last_goods
from pyv_fleet.engine.orders import Orders
from pyv_fleet.engine.releases import known_release
from pyv_fleet.engine.rollout_effects import baseline_rule
from pyv_fleet.engine.rollout_plans import hold_outs_of, refuse_release
from pyv_fleet.engine.rollout_views import machine_of
from pyv_fleet.engine.rollouts import Rollouts
from pyv_fleet.engine.trust_chain import TrustChain
from pyv_fleet.store import channels, releases, rollbacks, rollouts
from pyv_fleet.store import orders as directives
from pyv_fleet.store.orders import DirectiveRecord
from pyv_fleet.store.releases import ReleaseRecord
from pyv_fleet.store.rollbacks import AckRecord, RollbackRecord, RollbackTarget, Touched
from pyvorin_edge.identity import Digest
from pyvorin_edge.vocabulary import Connectivity


@dataclass(frozen=True)
class Part:
    """One channel's part of a rollback, resolved."""

    channel: str
    release: ReleaseRecord
    now: DirectiveRecord
    devices: tuple[Touched, ...]
    #: id of the rollout that runs there, and its plan
    running: tuple[str, Plan] | None
    #: digest to version, of what they run
    versions: Mapping[str, str]
    #: devices that the channel holds out on another release, of those that go back with it
    held_out: int

    def target(self) -> RollbackTarget:
        """As it is before anything is ordered."""
        was = Counter(self._runs(one) for one in self.devices)
        return RollbackTarget(
            release=self.release.digest,
            version=self.release.version,
            epoch=0,
            generation=0,
            was=dict(sorted(was.items())),
            superseded=None if self.running is None else self.running[0],
            held_out=self.held_out,
        )

    def _runs(self, device: Touched) -> str:
        digest = device.said.running_release
        if digest is None:
            return "no release"
        return self.versions.get(digest) or device.said.running_version or digest[:12]


class RollbackOrders:
    """Resolves and orders, in the caller's transaction."""

    def __init__(self, ground: Ground, trust: TrustChain, orders: Orders, running: Rollouts) -> None:
        self._ground = ground
        self._trust = trust
        self._orders = orders
        self._rollouts = running

    async def resolve(self, connection: AsyncConnection, spec: RollbackSpec) -> list[Part]:
        """What it comes to; NotFound, Invalid unless it is said which devices, Conflict for what stands in its way."""
        if spec.all == bool(spec.channels) and not (spec.labels and not spec.all):
            raise Invalid(
                "which devices?", "name `channels`, `labels`, or say `all: true`", ("channels, labels or all",)
            )
        current = await directives.current_all(connection)
        names = spec.channels or tuple(sorted(current))
        for name in names:
            if await channels.get(connection, name) is None:
                raise NotFound("no such channel", repr(name))
            if name not in current:
                raise Conflict("nothing to go back from", f"channel {name} has no release yet")
        if not names:
            raise Conflict("nothing to go back from", "no channel has a release yet")
        return await self._parts(connection, spec, {name: current[name] for name in dict.fromkeys(names)})

    async def order(
        self, connection: AsyncConnection, part: Part, where: Mapping[str, Sequence[str]], reason: str, actor: str
    ) -> RollbackTarget:
        """Its directive, with a higher attempt of the release than any before. What rolls out there is superseded."""
        ran = await self.end_rollout(connection, part, actor, reason, where)
        attempt = await releases.next_attempt(connection, part.release.digest)
        rules = rollback_rules(Digest(part.release.digest), attempt, where=where, now=part.now.rules, ran=ran)
        if len(rules) > RULES_MAX:
            raise Conflict(
                "too many selections",
                f"channel {part.channel} would need {len(rules)} rules, devices take {RULES_MAX}: roll back the whole "
                "channel, or give the devices a label of their own and select that",
            )
        if not where:
            await channels.set_last_good(connection, part.channel, part.release.digest)
        directive = await self._orders.issue_directive(connection, part.channel, rules, reason=reason, actor=actor)
        stored = await directives.at(connection, part.channel, directive.epoch, directive.generation)
        return msgspec.structs.replace(
            part.target(),
            attempt=attempt,
            epoch=directive.epoch,
            generation=directive.generation,
            message_sha256="" if stored is None else stored.payload_sha256,
        )

    async def end_rollout(
        self, connection: AsyncConnection, part: Part, actor: str, reason: str, where: Mapping[str, Sequence[str]]
    ) -> Ran | None:
        """The rollout that runs there ends: a rollback of a part must not be undone by its next wave."""
        whom = f"the channel's {where_text(where)}" if where else "the channel"
        because = f"{actor} rolled {whom} back to {part.release.version}: {reason}"
        plan = await self._rollouts.supersede(connection, part.channel, because, actor)
        return None if plan is None else Ran(plan.release, plan.attempt, baseline_rule(plan))

    async def _parts(
        self, connection: AsyncConnection, spec: RollbackSpec, now: Mapping[str, DirectiveRecord]
    ) -> list[Part]:
        parts = []
        for name, directive in now.items():
            every = await rollbacks.in_channel(connection, name)
            chosen = tuple(one for one in every if in_where(spec.labels, one.labels))
            if spec.labels and not chosen and not spec.channels:
                continue  # the selection does not reach into this channel
            release = await self._goal(connection, name, spec.to)
            running = await rollouts.open_ones(connection, name)
            plan = (running[-1].id, machine_of(running[-1]).plan) if running else None
            held_out = 0 if spec.labels else await _held_out(connection, name, chosen)
            parts.append(Part(name, release, directive, chosen, plan, await _versions(connection, chosen), held_out))
        if spec.labels and not any(part.devices for part in parts):
            raise NotFound("no such devices", f"no device of {', '.join(now)} has {where_text(spec.labels)}")
        return parts

    async def _goal(self, connection: AsyncConnection, channel: str, to: str) -> ReleaseRecord:
        """The release; Conflict for one that is barred by the trust document or was withdrawn."""
        if to != LAST_GOOD:
            release = await known_release(connection, to)
            refuse_release(release, self._trust.current)
            return release
        barred: Conflict | None = None
        for digest in await last_goods(connection, channel):
            release = await known_release(connection, digest)
            try:
                refuse_release(release, self._trust.current)
            except Conflict as why:
                barred = barred or why
            else:
                return release
        if barred is not None:
            raise barred
        raise Conflict(
            "no last good release",
            f"channel {channel} has had no other release that was its whole one: name a version",
        )


async def _versions(connection: AsyncConnection, devices: Sequence[Touched]) -> dict[str, str]:
    known = [await releases.get(connection, one) for one in {d.said.running_release for d in devices} if one]
    return {one.digest: one.version for one in known if one is not None}


async def _held_out(connection: AsyncConnection, channel: str, found: Sequence[Touched]) -> int:
    terms = await channels.get(connection, channel)
    return 0 if terms is None else sum(is_held_out(one.labels, hold_outs_of(terms)) for one in found)


def acks(rollback_id: str, parts: Sequence[Part]) -> list[AckRecord]:
    """A row a device; those that no rule reaches are marked from the start on."""
    return [
        AckRecord(
            rollback_id=rollback_id,
            device_id=one.device_id,
            channel=part.channel,
            online=one.said.connectivity is Connectivity.ONLINE,
            standing=_exempt(one),
        )
        for part in parts
        for one in part.devices
    ]


async def found_offline(
    connection: AsyncConnection, directive: DirectiveRecord, rollback_id: str
) -> tuple[RollbackRecord, list[Touched]]:
    """What an order that was given through the broker alone comes to here, and the devices that it is for."""
    first = directive.rules[0]
    release, where = await releases.get(connection, first.release), dict(first.where or {})
    target = RollbackTarget(
        release=first.release,
        version=first.release[:12] if release is None else release.version,
        attempt=first.attempt,
        epoch=directive.epoch,
        generation=directive.generation,
        message_sha256=directive.payload_sha256,
    )
    record = RollbackRecord(
        id=rollback_id,
        to_version=target.version,
        targets={directive.channel: target},
        reason=directive.reason,
        created_by=directive.issued_by,
        started_at=directive.issued_at,
        selector=where,
    )
    touched = await rollbacks.in_channel(connection, directive.channel)
    return record, [one for one in touched if in_where(where, one.labels)]


def offline_acks(rollback_id: str, channel: str, touched: Sequence[Touched]) -> list[AckRecord]:
    """A row a device, none of them known to have been online."""
    return [
        AckRecord(
            rollback_id=rollback_id, device_id=one.device_id, channel=channel, online=False, standing=_exempt(one)
        )
        for one in touched
    ]


def _exempt(one: Touched) -> ReturnStanding | None:
    if one.said.quarantined:
        return ReturnStanding.QUARANTINED
    return ReturnStanding.PINNED if one.said.pinned else None

"""Channels: their standing terms, and what they order now."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.etags import NOTHING, etag_of
from pyv_fleet.core.policy import Herd, HoldOut
from pyv_fleet.core.selectors import where_text
from pyv_fleet.core.spans import overlap
from pyv_fleet.core.views import ChannelBody, ChannelView, RuleView
from pyv_fleet.core.waves import is_held_out, without_hold_outs
from pyv_fleet.engine.audit import AuditLog
from pyv_fleet.engine.errors import Conflict, Invalid, NotFound, refuse_unseen
from pyv_fleet.engine.ground import Ground
from pyv_fleet.engine.last_good import HISTORY
from pyv_fleet.engine.orders import Orders
from pyv_fleet.engine.paces import Paces
from pyv_fleet.engine.releases import known_release
from pyv_fleet.engine.rollout_plans import RULES_MAX, hold_outs_of, rules_before
from pyv_fleet.store import channels, devices, policies, releases, rollbacks, rollouts, tokens
from pyv_fleet.store import orders as directives
from pyv_fleet.store.channels import ChannelRecord
from pyv_fleet.store.rollouts import WaveRecord
from pyvorin_edge.errors import IdentityError
from pyvorin_edge.identity import parse_channel, parse_label
from pyvorin_edge.orders import Rule, Window


class Channels:
    """Makes channels and sets their terms; what they order comes from rollouts and rollbacks."""

    def __init__(self, ground: Ground, orders: Orders, paces: Paces, audit: AuditLog) -> None:
        self._ground = ground
        self._orders = orders
        self._paces = paces
        self._audit = audit

    async def every(self) -> tuple[ChannelView, ...]:
        """All channels by name."""
        async with self._ground.database.read() as connection:
            return tuple([await self._view(connection, record) for record in await channels.every(connection)])

    async def get(self, name: str) -> ChannelView:
        """One channel; NotFound."""
        async with self._ground.database.read() as connection:
            return await self._view(connection, await known_channel(connection, name))

    async def put(
        self, name: str, body: ChannelBody, actor: str, *, reason: str = "", seen: str | None = None
    ) -> ChannelView:
        """Make it, or set its terms: they are in force with a new generation of the same rules.

        Invalid name; Stale if something else stands than `seen`.
        """
        try:
            parse_channel(name)
        except IdentityError as why:
            raise Invalid("not a channel's name", str(why), (str(why),)) from None
        async with self._ground.database.begin() as connection:
            known = await channels.get(connection, name)
            refuse_unseen(f"channel {name}", seen, NOTHING if known is None else etag_of(terms_of(known)))
            before = known or ChannelRecord(name=name, created_at=self._ground.clock())
            after = await _with_terms(connection, before, body)
            if known is None or after != before:
                await channels.save(connection, after)
                if after.herd is None and before.herd is not None:
                    await devices.end_all_turns(connection, name)
                await self._reissue(connection, before, after, actor)
                act = "channel.create" if known is None else "channel.change"
                said = ": ".join(part for part in (reason, changed_words(before, after)) if part)
                await self._audit.record(connection, actor=actor, act=act, subject=name, reason=said)
        await self._paces.load()
        await self._orders.publish_pending()
        self._ground.changes.ring("channels")
        return await self.get(name)

    async def _reissue(
        self, connection: AsyncConnection, before: ChannelRecord, after: ChannelRecord, actor: str
    ) -> None:
        """The directive under changed terms, other hold-outs in the place of those before. Invalid: too many rules."""
        current = await directives.current(connection, after.name)
        if current is None or before.hold_outs == after.hold_outs:
            await self._orders.reissue(connection, after.name, reason="changed terms", actor=actor)
            return
        kept = without_hold_outs(current.rules, hold_outs_of(before))
        rules = (*await rules_before(connection, after), *kept)
        if len(rules) > RULES_MAX:
            raise Invalid("hold_outs", f"they make {len(rules)} rules, a directive holds {RULES_MAX}", ("hold_outs",))
        await self._orders.issue_directive(connection, after.name, rules, reason="changed hold-outs", actor=actor)

    async def refresh(self, name: str, reason: str, actor: str) -> ChannelView:
        """The same rules as a new generation, which changes nothing on any device. NotFound, Conflict without one."""
        async with self._ground.database.begin() as connection:
            await known_channel(connection, name)
            if await self._orders.reissue(connection, name, reason=reason, actor=actor) is None:
                raise Conflict("nothing to refresh", f"channel {name} has no directive yet: roll a release out first")
            await self._audit.record(connection, actor=actor, act="channel.refresh", subject=name, reason=reason)
        await self._orders.publish_pending()
        return await self.get(name)

    async def delete(self, name: str, reason: str, actor: str) -> None:
        """Gone, if nothing was ever ordered there and nobody is in it or can come. NotFound, Conflict."""
        async with self._ground.database.begin() as connection:
            await known_channel(connection, name)
            await _refuse_used(connection, name, self._ground.clock())
            await channels.delete(connection, name)
            await self._audit.record(connection, actor=actor, act="channel.delete", subject=name, reason=reason)
        await self._paces.load()
        self._ground.changes.ring("channels")

    async def _view(self, connection: AsyncConnection, record: ChannelRecord) -> ChannelView:
        current = await directives.current(connection, record.name)
        rules: Sequence[Rule] = () if current is None else current.rules
        named = {one.release for one in rules} | {record.last_good}
        found = [await releases.get(connection, digest) for digest in named if digest is not None]
        versions = {one.digest: one.version for one in found if one is not None}
        open_ones = await rollouts.open_ones(connection, record.name)
        golden = rules[-1].release if rules else None
        waves = await rollouts.waves_of(connection, open_ones[-1].id) if open_ones else ()
        count = await devices.count(connection, record.name)
        return ChannelView(
            name=record.name,
            generation=0 if current is None else current.generation,
            golden=golden,
            golden_version=None if golden is None else versions.get(golden),
            last_good=record.last_good,
            rules=tuple(
                rule_view(rule, versions.get(rule.release, rule.release[:12]), part_of(rule, waves, count))
                for rule in rules
            ),
            devices=count,
            drift_policy=record.drift_policy,
            rollout=open_ones[-1].id if open_ones else None,
            terms=terms_of(record),
            etag=etag_of(terms_of(record)),
        )


async def known_channel(connection: AsyncConnection, name: str) -> ChannelRecord:
    """A channel; NotFound says how to make it."""
    found = await channels.get(connection, name)
    if found is None:
        raise NotFound("no such channel", f"{name!r}; make it with: pyv-fleet channel set NAME")
    return found


def rule_view(rule: Rule, version: str, part: str) -> RuleView:
    """A rule for people; `part` says which part a line cuts off, as `part_of` does."""
    return RuleView(
        kind=rule.kind, version=version, release=rule.release, attempt=rule.attempt, matches=matches_of(rule, part)
    )


def part_of(rule: Rule, waves: Sequence[WaveRecord], devices: int) -> str:
    """Which part of a channel of so many devices a rule's line cuts off: a wave of the rollout under way, if it is."""
    for wave in waves:
        if wave.rule is not None and rule.below is not None and wave.rule.get("below") == rule.below:
            counted = wave.tally.get("devices")
            return f"wave {wave.wave + 1}" + (f": {counted} of {devices} devices" if counted else "")
    return "a part of the devices"


def changed_words(before: ChannelRecord, after: ChannelRecord) -> str:
    """Which terms a person changed, for the audit log: `drift policy from alert to remediate`."""
    changes = [
        f"{name.replace('_', ' ')} from {getattr(before, name)} to {getattr(after, name)}"
        for name in ChannelBody.__struct_fields__
        if getattr(before, name) != getattr(after, name)
    ]
    return ", ".join(changes) or "with the terms that every channel begins with"


def matches_of(rule: Rule, part: str) -> str:
    """Who a rule matches, in words."""
    parts = []
    if rule.hold:
        parts.append("devices that hold it already")
    if rule.ids is not None:
        parts.append("1 device" if len(rule.ids) == 1 else f"{len(rule.ids)} devices by id")
    if rule.where is not None:
        parts.append(" ".join(f"{label}={'|'.join(values)}" for label, values in sorted(rule.where.items())))
    if rule.below is not None:
        parts.append(part)
    return ", ".join(parts) or "all"


def terms_of(record: ChannelRecord) -> ChannelBody:
    """A channel's standing terms, as PUT takes them."""
    stored = {name: getattr(record, name) for name in ChannelBody.__struct_fields__}
    return msgspec.convert(msgspec.to_builtins(stored), ChannelBody)


async def _refuse_used(connection: AsyncConnection, name: str, now_ms: int) -> None:
    """Conflict while devices are in a channel or may come, or obey what it ordered when they come back."""
    count = await devices.count(connection, name)
    if count:
        raise Conflict(
            "in use",
            f"channel {name} has {count} devices: move them first: pyv-fleet device set DEVICE --channel OTHER",
        )
    if await directives.current(connection, name) is not None:
        raise Conflict(
            "it has ordered",
            f"channel {name} has orders at the broker, which devices that come back obey: leave it as it is, empty",
        )
    token = await tokens.open_for(connection, name, now_ms)
    if token is not None:
        raise Conflict("a token leads there", f"enrolment token {token} still brings devices to {name}: let it run out")


def _refuse_herd(herd: Herd, window: Window | None) -> None:
    """Invalid for a label that no device can have, and for windows in which nobody could use a turn."""
    try:
        parse_label(f"{herd.label or 'any'}=x")
    except IdentityError as why:
        raise Invalid("herd", str(why), (f"herd.label: {why}",)) from None
    if window is not None and window.activate and window.download and not overlap(window.activate, window.download):
        said = (
            "with a herd a device downloads and activates in one turn, and these two windows are never open together: "
            "let them overlap, or give one of them up"
        )
        raise Invalid("window", said, (f"window: {said}",))


async def _with_terms(connection: AsyncConnection, record: ChannelRecord, body: ChannelBody) -> ChannelRecord:
    """The record under new terms. NotFound for a policy or release that is not there, Invalid for an empty freeze."""
    if body.policy is not None and await policies.get(connection, body.policy) is None:
        raise NotFound("no such policy", f"{body.policy!r}; make it with: pyv-fleet policy set NAME FILE")
    for freeze in body.freezes:
        if freeze.ends_at <= freeze.begins_at:
            raise Invalid("freezes", "one ends before it begins", (f"freezes: ends at {freeze.ends_at}",))
    if body.herd is not None:
        _refuse_herd(body.herd, body.window)
    held = [await known_release(connection, one.release) for one in body.hold_outs]
    hold_outs = tuple(replace(one, release=release.digest) for one, release in zip(body.hold_outs, held, strict=True))
    await _refuse_untried(connection, record, hold_outs)
    terms = msgspec.json.decode(msgspec.json.encode(replace(body, hold_outs=hold_outs)))
    return replace(record, **terms | {"drift_policy": body.drift_policy})


async def _refuse_untried(connection: AsyncConnection, channel: ChannelRecord, hold_outs: Sequence[HoldOut]) -> None:
    """Conflict for a hold-out that would bring devices what never was the channel's release: a way round the canary."""
    stand = hold_outs_of(channel)
    new = [one for one in hold_outs if one not in stand]
    history = await directives.history(connection, channel.name, HISTORY) if new else []
    known = {directive.rules[-1].release for directive in history}
    for one in new:
        if not history or one.release in known:
            continue  # a channel's first release is nobody's yet
        there = await rollbacks.in_channel(connection, channel.name)
        moved = [
            device
            for device in there
            if is_held_out(device.labels, (one,)) and device.said.running_release != one.release
        ]
        if moved:
            whom = f"{len(moved)} devices with {where_text(one.where)}"
            raise Conflict(
                "a hold-out is no way to a new release",
                f"{whom} do not run {one.release[:12]}, nor did {channel.name} ever: roll it out to them, canary "
                "first, or hold them out on what they run",
            )

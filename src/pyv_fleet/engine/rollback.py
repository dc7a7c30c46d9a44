"""Rollbacks: one directive a channel, obeyed at once, and who acknowledged it how fast (PROTOCOL 6, acknowledged)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.offline import is_offline
from pyv_fleet.core.selectors import where_text
from pyv_fleet.core.views import Page, RollbackAcks, RollbackReport, RollbackSpec, RollbackView
from pyv_fleet.engine import statuses
from pyv_fleet.engine.audit import AuditLog
from pyv_fleet.engine.errors import Conflict, NotFound
from pyv_fleet.engine.goldens import assignment_of
from pyv_fleet.engine.ground import Ground
from pyv_fleet.engine.interface import Heard
from pyv_fleet.engine.orders import Orders, directive_of
from pyv_fleet.engine.rollback_orders import Part, RollbackOrders, acks, found_offline, offline_acks
from pyv_fleet.engine.rollback_views import Standings, device_of, frozen, report_of, view_of
from pyv_fleet.engine.rollback_watch import Following, said_of
from pyv_fleet.engine.rollouts import Rollouts
from pyv_fleet.engine.trust_chain import TrustChain
from pyv_fleet.store import orders as directives
from pyv_fleet.store import rollbacks, status
from pyv_fleet.store.orders import DirectiveRecord
from pyv_fleet.store.rollbacks import AckRecord, RollbackRecord
from pyv_fleet.store.status import Known
from pyvorin_edge.identity import Digest
from pyvorin_edge.orders import golden

LAST = "last"
"""For an id: the one that was ordered last."""


class Rollbacks:
    """Orders rollbacks and follows them.

    Wire `heard` as an observer of the intake, `ordered` as one of directives, and call `reenter` once at the start.
    """

    def __init__(self, ground: Ground, trust: TrustChain, orders: Orders, audit: AuditLog, running: Rollouts) -> None:
        self._ground = ground
        self._orders = orders
        self._audit = audit
        self._ordering = RollbackOrders(ground, trust, orders, running)
        self._open: dict[str, Following] = {}

    async def start(self, spec: RollbackSpec, actor: str) -> RollbackView:
        """Ordered at once; with `dry_run` only counted. Supersedes what rolls out on these channels.

        NotFound for an unknown release or channel, or a selection that nobody has; Conflict if there is nothing to go
        back to, the release is barred, or the devices are not so many as expected.
        """
        async with self._ground.database.begin() as connection:
            parts = await self._ordering.resolve(connection, spec)
            record = self._record(spec, parts, actor)
            members = acks(record.id, parts)
            _refuse_other_count(spec, sum(ack.follows for ack in members))
            if spec.dry_run:
                return self._following(record, members, parts).view()
            record = await self._order(connection, record, parts)
            await rollbacks.put(connection, record, members)
        self._open[record.id] = self._following(record, members, parts)
        await self._orders.publish_pending()
        self._ground.changes.ring("rollouts")
        return await self.status(record.id)

    async def page(self, after: str | None, limit: int) -> Page[RollbackView]:
        """All rollbacks, newest first."""
        async with self._ground.database.read() as connection:
            found, more, total = await rollbacks.find_page(connection, after, limit)
            items = tuple([view_of(*(await self._known(connection, record))) for record in found])
        return Page(items=items, next=items[-1].id if more else None, total=total)

    def under_way(self) -> tuple[RollbackView, ...]:
        """Those in which devices that were online are waited for, the newest first; the store is not asked."""
        views = [self._open[one].view() for one in sorted(self._open, reverse=True)]
        return tuple(view for view in views if not view.done)

    async def status(self, rollback_id: str) -> RollbackView:
        """How far it is; `last` = the newest. NotFound."""
        if (following := self._open.get(rollback_id)) is not None:
            return following.view()
        return view_of(*(await self._found(rollback_id)))

    async def report(self, rollback_id: str) -> RollbackReport:
        """All of it, each device with its seconds or its cause; NotFound."""
        return report_of(*(await self._found(rollback_id)))

    async def acknowledgements(self, rollback_id: str, after: int, limit: int) -> RollbackAcks:
        """Who acknowledged, in the order in which they did, after the first `after`; NotFound."""
        record, members, standings = await self._found(rollback_id)
        following = self._open.get(record.id) or Following(record, members, {})
        some = [following.acks[device_id] for device_id in following.order[after : after + limit]]
        return RollbackAcks(after=after, items=tuple(device_of(record, ack, standings) for ack in some))

    async def heard(self, batch: Sequence[Heard]) -> None:
        """Reports came, or somebody fell silent: who settled on the target has acknowledged."""
        for following in list(self._open.values()):
            back = [
                one.device.device_id
                for one in batch
                if one.device.device_id in following.standings
                and following.hear(one.device.device_id, one.device.channel, said_of(Known(one.device, one.after)))
            ]
            if back:
                await self._acknowledge(following, back)

    async def ordered(self, directive: DirectiveRecord) -> None:
        """A directive is out: those whom it orders another release will not acknowledge the rollback any more."""
        for following in list(self._open.values()):
            target = following.record.targets.get(directive.channel)
            if target is None or (directive.epoch, directive.generation) <= (target.epoch, target.generation):
                continue
            await self._leave(following, directive, target.release)
            if following.over:
                await self._close(following)

    async def adopted(self, directive: DirectiveRecord) -> None:
        """A rollback that was ordered through the broker alone was found: from now on it is followed as any.

        Nobody counts as online when it was ordered: the command that ordered it has told who was.
        """
        if not (directive.foreign and is_offline(directive.issued_by, directive.rules)):
            return
        async with self._ground.database.begin() as connection:
            record, touched = await found_offline(connection, directive, self._ground.new_id())
            members = offline_acks(record.id, directive.channel, touched)
            await rollbacks.put(connection, record, members)
        following = Following(record, members, {one.device_id: one.said for one in touched})
        self._open[record.id] = following
        await self._acknowledge(following, following.back_at_once())

    async def reenter(self) -> None:
        """At the start: who acknowledged while nobody counted is counted now, the others are waited for."""
        async with self._ground.database.read() as connection:
            open_ones = await rollbacks.open_ones(connection)
            current = await directives.current_all(connection)
        for record in open_ones:
            async with self._ground.database.read() as connection:
                members = await rollbacks.acks_of(connection, record.id)
                pending = [ack.device_id for ack in members if ack.acknowledged_at is None]
                touched = await rollbacks.by_id(connection, pending)
            following = Following(record, members, {one.device_id: one.said for one in touched})
            self._open[record.id] = following
            await self._acknowledge(following, following.back_at_once())
            for channel in record.targets.keys() & current.keys():
                await self.ordered(current[channel])

    def _record(self, spec: RollbackSpec, parts: Sequence[Part], actor: str) -> RollbackRecord:
        return RollbackRecord(
            id=self._ground.new_id(),
            to_version=", ".join(dict.fromkeys(part.release.version for part in parts))[:64],
            targets={part.channel: part.target() for part in parts},
            reason=spec.reason,
            created_by=actor,
            started_at=self._ground.clock(),
            selector=dict(spec.labels),
        )

    async def _order(
        self, connection: AsyncConnection, record: RollbackRecord, parts: Sequence[Part]
    ) -> RollbackRecord:
        targets = {
            part.channel: await self._ordering.order(
                connection, part, record.selector, record.reason, record.created_by
            )
            for part in parts
        }
        chosen = f" {where_text(record.selector)}" if record.selector else ""
        subject = f"{record.id} {', '.join(targets)}{chosen} to {record.to_version}"
        await self._audit.record(
            connection, actor=record.created_by, act="rollback", subject=subject, reason=record.reason
        )
        return msgspec.structs.replace(record, targets=targets, started_at=self._ground.clock())

    def _following(self, record: RollbackRecord, members: Sequence[AckRecord], parts: Sequence[Part]) -> Following:
        return Following(record, members, {one.device_id: one.said for part in parts for one in part.devices})

    async def _acknowledge(self, following: Following, device_ids: list[str]) -> None:
        now = self._ground.clock()
        if device_ids:
            async with self._ground.database.begin() as connection:
                await rollbacks.acknowledge(connection, following.record.id, device_ids, now)
            following.acknowledged(device_ids, now)
            self._ground.changes.ring("rollouts")
        if following.over:
            await self._close(following)

    async def _leave(self, following: Following, directive: DirectiveRecord, release: str) -> None:
        pending = following.pending(directive.channel)
        order = directive_of(directive)
        async with self._ground.database.read() as connection:
            known = await status.get_many(connection, pending)
        for device_id, one in known.items():
            held = frozenset(Digest(digest) for digest in statuses.held_by(one.status))
            target = golden(device_id, order, assignment_of(one.device), held)
            if target is not None and target.release != release:
                following.leave(device_id, f"generation {directive.generation}: {directive.reason}")

    async def _close(self, following: Following) -> None:
        """Nobody is waited for any more: all have acknowledged, or a newer order took its place."""
        now = self._ground.clock()
        async with self._ground.database.begin() as connection:
            await rollbacks.close(connection, following.record.id, now, following.stood())
        following.end(now)
        self._open.pop(following.record.id, None)

    async def _found(self, rollback_id: str) -> tuple[RollbackRecord, Sequence[AckRecord], Standings]:
        async with self._ground.database.read() as connection:
            newest = rollback_id == LAST
            record = await (rollbacks.newest(connection) if newest else rollbacks.get(connection, rollback_id))
            if record is None:
                raise NotFound("no such rollback", "there was none yet" if newest else rollback_id)
            return await self._known(connection, record)

    async def _known(
        self, connection: AsyncConnection, record: RollbackRecord
    ) -> tuple[RollbackRecord, Sequence[AckRecord], Standings]:
        if (following := self._open.get(record.id)) is not None:
            return following.record, list(following.acks.values()), following.standings
        members = await rollbacks.acks_of(connection, record.id)
        return record, members, frozen(members)


def _refuse_other_count(spec: RollbackSpec, count: int) -> None:
    if spec.expect_count is not None and spec.expect_count != count:
        raise Conflict(
            "not as many devices as expected",
            f"it would touch {count} devices, {spec.expect_count} were expected: nothing was done",
        )

"""Rollbacks: one directive a channel, obeyed at once, and who acknowledged it how fast (PROTOCOL 6, acknowledged)."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.views import RollbackSpec, RollbackView
from pyv_fleet.engine.audit import AuditLog
from pyv_fleet.engine.errors import Conflict, Invalid, NotFound
from pyv_fleet.engine.ground import Ground, rfc3339
from pyv_fleet.engine.interface import Heard
from pyv_fleet.engine.orders import Orders
from pyv_fleet.engine.releases import known_release
from pyv_fleet.engine.rollout_plans import follows_rules, refuse_release
from pyv_fleet.engine.rollout_views import machine_of
from pyv_fleet.engine.rollouts import Rollouts
from pyv_fleet.engine.trust_chain import TrustChain
from pyv_fleet.store import channels, releases, rollbacks, rollouts, status
from pyv_fleet.store import orders as directives
from pyv_fleet.store.orders import DirectiveRecord
from pyv_fleet.store.releases import ReleaseRecord
from pyv_fleet.store.rollbacks import AckRecord, RollbackRecord, RollbackTarget
from pyv_fleet.store.status import Filter, Known, StatusRecord
from pyvorin_edge.identity import Digest
from pyvorin_edge.orders import Rule
from pyvorin_edge.vocabulary import Connectivity, Phase, RuleKind

LAST_GOOD = "last-good"
"""For `to`: what was the whole channel's release before the present one; during a rollout, its baseline."""


class Rollbacks:
    """Orders rollbacks and follows them; engine/interface.py, RollbackDesk.

    Wire `heard` as an observer of the intake, `ordered` as one of directives, and call `reenter` once at the start.
    """

    def __init__(self, ground: Ground, trust: TrustChain, orders: Orders, audit: AuditLog, running: Rollouts) -> None:
        self._ground = ground
        self._trust = trust
        self._orders = orders
        self._audit = audit
        self._rollouts = running
        #: open rollbacks, and for each device that has not acknowledged its channel and what it is to settle on
        self._waiting: dict[str, dict[str, tuple[str, RollbackTarget]]] = {}

    async def start(self, spec: RollbackSpec, actor: str) -> RollbackView:
        """Ordered at once; with `dry_run` only counted. Supersedes what rolls out on these channels.

        NotFound for an unknown release or channel, Conflict if there is nothing to go back to, the release is barred,
        or the devices are not so many as expected.
        """
        async with self._ground.database.begin() as connection:
            goals = await self._goals(connection, spec)
            touched = [
                known
                for channel in goals
                for known in await status.find(connection, Filter(channel=channel))
                if follows_rules(known.device)
            ]
            if spec.expect_count is not None and spec.expect_count != len(touched):
                raise Conflict(
                    "not as many devices as expected",
                    f"it would touch {len(touched)} devices, {spec.expect_count} were expected: nothing was done",
                )
            record = self._record(spec, goals, actor)
            if spec.dry_run:
                return _view(record, _acks(record, touched), {one.device.device_id: one for one in touched})
            record = await self._order(connection, record, goals, actor)
            await rollbacks.put(connection, record, _acks(record, touched))
        self._wait(record, [known.device.device_id for known in touched], touched)
        await self._orders.publish_pending()
        self._ground.changes.ring("rollouts")
        return await self.status(record.id)

    async def status(self, rollback_id: str) -> RollbackView:
        """How far it is; NotFound."""
        async with self._ground.database.read() as connection:
            record = await rollbacks.get(connection, rollback_id)
            if record is None:
                raise NotFound("no such rollback", rollback_id)
            acks = await rollbacks.acks_of(connection, rollback_id)
            known = await status.get_many(connection, [ack.device_id for ack in acks])
        return _view(record, acks, known)

    async def heard(self, batch: Sequence[Heard]) -> None:
        """Reports came: who settled on the target has acknowledged."""
        for rollback_id, targets in list(self._waiting.items()):
            done = [
                one.device.device_id
                for one in batch
                if (waited := targets.get(one.device.device_id)) is not None and acknowledges(one.after, waited[1])
            ]
            if done:
                await self._acknowledge(rollback_id, targets, done)

    async def ordered(self, directive: DirectiveRecord) -> None:
        """A directive is out: where it orders another release, nobody will acknowledge the rollback any more."""
        for rollback_id, targets in list(self._waiting.items()):
            for device_id, (channel, target) in list(targets.items()):
                newer = (directive.epoch, directive.generation) > (target.epoch, target.generation)
                if channel == directive.channel and newer and directive.rules[-1].release != target.release:
                    del targets[device_id]
            if not targets:
                await self._close(rollback_id)

    async def reenter(self) -> None:
        """At the start: who acknowledged while nobody counted is counted now, the others are waited for."""
        async with self._ground.database.read() as connection:
            open_ones = await rollbacks.open_ones(connection)
        for record in open_ones:
            async with self._ground.database.read() as connection:
                acks = await rollbacks.acks_of(connection, record.id)
                pending = {ack.device_id for ack in acks if ack.acknowledged_at is None}
                known = await status.get_many(connection, pending)
                newer = await self._superseded(connection, record)
            if newer:
                await self._close(record.id)
                continue
            self._wait(record, pending, list(known.values()))
            targets = self._waiting.get(record.id, {})
            done = [key for key, one in known.items() if key in targets and acknowledges(one.status, targets[key][1])]
            await self._acknowledge(record.id, targets, done)

    async def _goals(self, connection: AsyncConnection, spec: RollbackSpec) -> dict[str, ReleaseRecord]:
        """What each channel goes back to; Invalid unless it is said which, or that it is all of them."""
        if spec.all == bool(spec.channels):
            raise Invalid("which channels?", "name `channels`, or say `all: true`", ("channels: or all: true",))
        current = await directives.current_all(connection)
        names = spec.channels or tuple(sorted(current))
        for name in names:
            if await channels.get(connection, name) is None:
                raise NotFound("no such channel", repr(name))
            if name not in current:
                raise Conflict("nothing to go back from", f"channel {name} has no release yet")
        if not names:
            raise Conflict("nothing to go back from", "no channel has a release yet")
        goals = {name: await self._goal(connection, name, spec.to) for name in dict.fromkeys(names)}
        for release in goals.values():
            refuse_release(release, self._trust.current)
        return goals

    async def _goal(self, connection: AsyncConnection, channel: str, to: str) -> ReleaseRecord:
        digest = await last_good(connection, channel) if to == LAST_GOOD else to
        if digest is None:
            raise Conflict(
                "no last good release",
                f"channel {channel} has had no other release that was its whole one: name a version",
            )
        return await known_release(connection, digest)

    def _record(self, spec: RollbackSpec, goals: Mapping[str, ReleaseRecord], actor: str) -> RollbackRecord:
        return RollbackRecord(
            id=self._ground.new_id(),
            to_version=", ".join(dict.fromkeys(release.version for release in goals.values()))[:64],
            targets={
                channel: RollbackTarget(release=release.digest, epoch=0, generation=0)
                for channel, release in goals.items()
            },
            reason=spec.reason,
            created_by=actor,
            started_at=self._ground.clock(),
        )

    async def _order(
        self, connection: AsyncConnection, record: RollbackRecord, goals: Mapping[str, ReleaseRecord], actor: str
    ) -> RollbackRecord:
        """One directive a channel, each with a higher attempt of its release than any before."""
        targets: dict[str, RollbackTarget] = {}
        for channel, release in goals.items():
            because = f"{actor} rolled the channel back to {release.version}: {record.reason}"
            await self._rollouts.supersede(connection, channel, because, actor)
            attempt = await releases.next_attempt(connection, release.digest)
            rule = Rule(kind=RuleKind.ROLLBACK, release=Digest(release.digest), attempt=attempt)
            directive = await self._orders.issue_directive(
                connection, channel, (rule,), reason=record.reason, actor=actor
            )
            targets[channel] = RollbackTarget(
                release=release.digest, epoch=directive.epoch, generation=directive.generation
            )
            await channels.set_last_good(connection, channel, release.digest)
        subject = f"{record.id} {', '.join(goals)} to {record.to_version}"
        await self._audit.record(connection, actor=actor, act="rollback", subject=subject, reason=record.reason)
        return RollbackRecord(
            id=record.id,
            to_version=record.to_version,
            targets=targets,
            reason=record.reason,
            created_by=actor,
            started_at=self._ground.clock(),
        )

    def _wait(self, record: RollbackRecord, device_ids: Sequence[str] | set[str], known: Sequence[Known]) -> None:
        wanted = set(device_ids)
        self._waiting[record.id] = {
            one.device.device_id: (one.device.channel, record.targets[one.device.channel])
            for one in known
            if one.device.device_id in wanted and one.device.channel in record.targets
        }

    async def _acknowledge(
        self, rollback_id: str, targets: dict[str, tuple[str, RollbackTarget]], device_ids: list[str]
    ) -> None:
        now = self._ground.clock()
        async with self._ground.database.begin() as connection:
            for device_id in device_ids:
                await rollbacks.acknowledge(connection, rollback_id, device_id, now)
        for device_id in device_ids:
            targets.pop(device_id, None)
        if not targets:
            await self._close(rollback_id)
        self._ground.changes.ring("rollouts")

    async def _close(self, rollback_id: str) -> None:
        """Nobody is waited for any more: all have acknowledged, or a newer order took its place."""
        self._waiting.pop(rollback_id, None)
        async with self._ground.database.begin() as connection:
            await rollbacks.close(connection, rollback_id, self._ground.clock())

    async def _superseded(self, connection: AsyncConnection, record: RollbackRecord) -> bool:
        current = await directives.current_all(connection)
        return all(
            channel in current and current[channel].rules[-1].release != target.release
            for channel, target in record.targets.items()
        )


async def last_good(connection: AsyncConnection, channel: str) -> str | None:
    """What `last-good` means on a channel now; none if it never had another release.

    While a rollout has not ended: its baseline. While a hold stands: what the rest stays on.
    """
    open_ones = await rollouts.open_ones(connection, channel)
    if open_ones:
        return machine_of(open_ones[-1]).plan.baseline
    current = await directives.current(connection, channel)
    if current is not None and any(rule.hold for rule in current.rules):
        return current.rules[-1].release
    terms = await channels.get(connection, channel)
    return None if terms is None else terms.last_good


def acknowledges(said: StatusRecord, target: RollbackTarget) -> bool:
    """That generation or a later one, settled, and running the target: by the device's own word."""
    return (
        (said.epoch, said.generation) >= (target.epoch, target.generation)
        and said.phase is Phase.SETTLED
        and said.running_release == target.release
    )


def _acks(record: RollbackRecord, touched: Sequence[Known]) -> list[AckRecord]:
    return [
        AckRecord(
            rollback_id=record.id,
            device_id=known.device.device_id,
            channel=known.device.channel,
            online=known.status.connectivity is Connectivity.ONLINE,
        )
        for known in touched
    ]


def _view(record: RollbackRecord, acks: Sequence[AckRecord], known: Mapping[str, Known]) -> RollbackView:
    """As the API shows it. Seconds are counted from `started_at`, taken when the directives went out; who was offline
    then is not in them: how long it was away says nothing of the fleet."""
    missing = tuple(
        ack.device_id for ack in acks if ack.acknowledged_at is None and _is_online(known.get(ack.device_id))
    )
    done = [ack for ack in acks if ack.acknowledged_at is not None]
    seconds = sorted(
        (ack.acknowledged_at - record.started_at) / 1000 for ack in done if ack.acknowledged_at and ack.online
    )
    return RollbackView(
        id=record.id,
        to_version=record.to_version,
        channels=tuple(sorted(record.targets)),
        devices=len(acks),
        online=len(done) + len(missing),
        acknowledged=len(done),
        missing=missing,
        first_seconds=seconds[0] if seconds else None,
        median_seconds=statistics.median(seconds) if seconds else None,
        last_seconds=seconds[-1] if seconds else None,
        started_at=rfc3339(record.started_at),
        done=not missing,
    )


def _is_online(known: Known | None) -> bool:
    return known is not None and known.status.connectivity is Connectivity.ONLINE

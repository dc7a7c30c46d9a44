"""Performs rollouts: what core/rollout.py decides is stored with its directive in one transaction, then published.

So a restart finds state and directive agreeing; it publishes what was not confirmed, lets the clocks of open waves
begin anew (nobody was heard meanwhile), and looks again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.estimate import download_seconds
from pyv_fleet.core.offline import is_offline
from pyv_fleet.core.rollout import NotNow, Plan, Rollout, already, approvals_missing, made, moves, on_entry, step
from pyv_fleet.core.rollout_events import Cleared, Event, HoldWave, Paused, Started, Superseded
from pyv_fleet.core.views import MemberView, Page, PlanView, RollbackSpec, RolloutSpec, RolloutVerb, RolloutView
from pyv_fleet.core.words import AuthScope, Happening, MemberStanding, RolloutAct, RolloutState
from pyv_fleet.engine.alerting import Alerting
from pyv_fleet.engine.analysis import Analyses
from pyv_fleet.engine.audit import AuditLog
from pyv_fleet.engine.errors import Conflict, Forbidden, NotFound
from pyv_fleet.engine.ground import Ground
from pyv_fleet.engine.interface import CompletionObserver, Heard
from pyv_fleet.engine.orders import Orders
from pyv_fleet.engine.releases import known_release, release_of
from pyv_fleet.engine.rollout_acts import event_of
from pyv_fleet.engine.rollout_effects import Effects, everybody
from pyv_fleet.engine.rollout_members import members_of, page_of
from pyv_fleet.engine.rollout_plans import draft_of, plan_of, refuse_release
from pyv_fleet.engine.rollout_preview import preview
from pyv_fleet.engine.rollout_views import machine_of, record_of, view_of
from pyv_fleet.engine.rollout_watch import Watch, obstacle_of
from pyv_fleet.engine.trust_chain import TrustChain
from pyv_fleet.store import channels, history, releases, rollouts
from pyv_fleet.store import orders as directives
from pyv_fleet.store.history import Note
from pyv_fleet.store.orders import DirectiveRecord
from pyv_fleet.store.releases import ReleaseRecord
from pyv_fleet.store.rollouts import RolloutRecord, WaveRecord

ONWARD: Final = frozenset(
    {RolloutAct.START, RolloutAct.APPROVE, RolloutAct.RESUME, RolloutAct.PROMOTE, RolloutAct.RETRY}
)
"""What brings a release further: not one that was withdrawn or revoked meanwhile."""
CONTROLLER = "controller"
"""Who acts where no person did."""


class Rollouts:
    """Makes, judges, moves and shows rollouts; engine/interface.py, RolloutDesk.

    Wire `heard` as an observer of the intake, `ordered` as one of directives, call `reenter` once at the start, and
    `tick` every half second.
    """

    def __init__(
        self,
        ground: Ground,
        trust: TrustChain,
        orders: Orders,
        audit: AuditLog,
        alerting: Alerting,
        hearing: Callable[[], bool] = lambda: True,
        analyses: Analyses | None = None,
    ) -> None:
        self._ground = ground
        self._trust = trust
        self._orders = orders
        self._audit = audit
        self._effects = Effects(ground, orders, alerting)
        #: whether devices can be heard at all: while they cannot, nothing is judged
        self._hearing = hearing
        self._deaf = False
        self.analyses = analyses or Analyses(ground)
        self._watch = Watch(ground, self.analyses)
        self._completed: list[str] = []
        #: told after the commit
        self.observers: list[CompletionObserver] = []

    async def create(self, spec: RolloutSpec, actor: str, scope: AuthScope | None) -> RolloutView:
        """Made, and started unless it is to be held. NotFound, Invalid (the spec), Conflict (what stands in its way),
        Forbidden (an emergency by anyone but an admin)."""
        if spec.emergency and scope is not AuthScope.ADMIN:
            raise Forbidden("not allowed", "only an admin may let a release out without a canary")
        async with self._ground.database.begin() as connection:
            await _refuse_taken(connection, spec.name)
            replaced = await self._in_the_way(connection, spec)
            draft = await draft_of(connection, self._trust.current, spec, replaced)
            self.analyses.refuse_unaskable(draft.terms.analysis)
            if spec.plan is not None and spec.plan != draft.digest:
                raise Conflict(
                    "the plan is stale",
                    "the fleet, the channel or the release changed since it was made: look at a new one with "
                    "`pyv-fleet rollout plan`",
                )
            await self.supersede(connection, spec.channel, f"{actor} rolls out {spec.release} instead", actor)
            attempt = await releases.next_attempt(connection, draft.release.digest)
            at = made(plan_of(draft, self._ground.new_id(), attempt, actor, self._ground.clock()))
            await self._store(connection, at, spec, actor)
            if not spec.hold:
                started = Started(at=self._ground.clock(), because=spec.reason)
                await self._move(connection, record_of(at, spec), started, actor)
        return await self._told(at.plan.id)

    async def plan(self, spec: RolloutSpec) -> PlanView:
        """What `create` would do now, and nothing done. NotFound, Invalid, Conflict as there."""
        async with self._ground.database.read() as connection:
            replaced = await self._in_the_way(connection, spec)
            draft = await draft_of(connection, self._trust.current, spec, replaced)
            self.analyses.refuse_unaskable(draft.terms.analysis)
            return await preview(connection, draft, self._ground.clock())

    async def page(self, after: str | None, limit: int) -> Page[RolloutView]:
        """All rollouts, newest first."""
        async with self._ground.database.read() as connection:
            found, more, total = await rollouts.find_page(connection, after, limit)
            items = tuple([await self._view(connection, record) for record in found])
        return Page(items=items, next=items[-1].id if more else None, total=total)

    async def get(self, rollout_id: str) -> RolloutView:
        """One, by id or name; NotFound."""
        async with self._ground.database.read() as connection:
            return await self._view(connection, await _known(connection, rollout_id))

    async def forget(self, rollout_id: str, verb: RolloutVerb, actor: str) -> RolloutView:
        """One that has ended lets go of its name; what it did stays in the history. NotFound, Conflict."""
        async with self._ground.database.begin() as connection:
            record = await _known(connection, rollout_id)
            if not machine_of(record).ended:
                raise Conflict(
                    "it has not ended",
                    f"rollout {rollout_id} is {record.state}: {record.because}. End it first: "
                    f"pyv-fleet rollout abort {rollout_id} --reason …",
                )
            if record.name is not None:
                await rollouts.forget_name(connection, record.id)
                subject = f"{record.id} {record.name}"
                await self._audit.record(
                    connection, actor=actor, act="rollout.forget", subject=subject, reason=verb.reason
                )
        self._ground.changes.ring("rollouts")
        return await self.get(record.id)

    async def members(
        self, rollout_id: str, wave: int | None, standing: MemberStanding | None, after: str | None, limit: int
    ) -> Page[MemberView]:
        """By which devices a wave (from 1; none = the last that was opened) is judged, and how they do; NotFound."""
        async with self._ground.database.read() as connection:
            record = await _known(connection, rollout_id)
            found = await members_of(connection, self._watch, record, wave)
        return page_of(found, standing, after, limit)

    async def act(self, rollout_id: str, act: RolloutAct, verb: RolloutVerb, actor: str) -> RolloutView:
        """What a person asks of it; asking for what has come about changes nothing. NotFound, Invalid, Conflict."""
        async with self._ground.database.begin() as connection:
            record = await _known(connection, rollout_id)
            at = machine_of(record)
            rollout_id = record.id
            if act is RolloutAct.PROMOTE and verb.wave is not None and verb.wave <= at.wave:
                return await self._view(connection, record)
            event = await event_of(connection, at, act, verb, actor, self._ground.clock())
            if already(at, event):
                return await self._view(connection, record)
            if act in ONWARD:
                refuse_release(await known_release(connection, record.release), self._trust.current)
            await self._audit.record(
                connection, actor=actor, act=f"rollout.{act}", subject=rollout_id, reason=verb.reason
            )
            await self._move(connection, record, event, actor)
        return await self._told(rollout_id)

    async def undone_by(self, rollout_id: str, verb: RolloutVerb) -> RollbackSpec:
        """The rollback that takes back a rollout that has ended. NotFound, Conflict: there is nothing to take back."""
        async with self._ground.database.read() as connection:
            record = await _known(connection, rollout_id)
            standing = await directives.current(connection, record.channel)
        at = machine_of(record)
        named = () if standing is None else tuple(rule.release for rule in standing.rules)
        if not at.ended or record.release not in named or record.baseline is None:
            moved = ", ".join(moves(at)) if not at.ended else "its channel runs something else already"
            why = "it is the channel's first release" if record.baseline is None else moved
            raise Conflict("nothing to undo", f"rollout {record.id} is {record.state}: {why}")
        return RollbackSpec(
            to=record.baseline, channels=(record.channel,), reason=f"undo of {record.id}: {verb.reason}"
        )

    async def supersede(
        self, connection: AsyncConnection, channel: str, because: str, actor: str, before: int | None = None
    ) -> Plan | None:
        """End what runs on a channel, in the transaction of what takes its place; its plan if there was one.

        `before` (Unix ms): what was made later is no older than that, and stays.
        """
        plan = None
        for record in await rollouts.open_ones(connection, channel):
            if before is not None and record.created_at > before:
                continue
            await self._move(connection, record, Superseded(at=self._ground.clock(), because=because), actor)
            at = machine_of(record)
            plan = msgspec.structs.replace(at.plan, attempt=at.attempt)
        return plan

    async def heard(self, batch: Sequence[Heard]) -> None:
        """Reports came: the next tick looks at the rollouts of their channels; the intake is not kept waiting."""
        self._watch.touch({one.device.channel for one in batch})

    async def ordered(self, directive: DirectiveRecord) -> None:
        """A valid directive that this controller did not issue stops all rollouts; it stands, a person must look.

        One that is a rollback, ordered through the broker alone, takes its channel's rollout's place as any rollback.
        """
        if not directive.foreign:
            return
        because = f"channel {directive.channel} has a directive of generation {directive.generation} that is not ours"
        async with self._ground.database.begin() as connection:
            if is_offline(directive.issued_by, directive.rules):
                because = f"channel {directive.channel} was rolled back ({directive.issued_by}: {directive.reason})"
                await self.supersede(connection, directive.channel, because, CONTROLLER, before=directive.issued_at)
            for record in await rollouts.open_ones(connection):
                if record.state in (RolloutState.ROLLING, RolloutState.WAITING):
                    stop = Paused(at=self._ground.clock(), because=because)
                    spared = record.channel == directive.channel
                    await self._move(connection, record, stop, CONTROLLER, hold=not spared)
        await self._tell()

    async def tick(self) -> None:
        """Judge what is due. Nothing is judged while no device can be heard, nor by what was known before."""
        if not self._hearing():
            self._deaf = True
            return
        if self._deaf:
            self._deaf = False
            await self._restart_clocks()
        for record in await self._watch.due():
            await self._look(record.id)

    async def reenter(self) -> None:
        """At the start: the state of each open rollout is entered again where its directive is not the newest."""
        async with self._ground.database.begin() as connection:
            for record in await rollouts.open_ones(connection):
                if await directives.current(connection, record.channel) is None:
                    at = machine_of(record)
                    await self._effects.perform(connection, at, on_entry(at), CONTROLLER)
        await self._restart_clocks()
        await self._orders.publish_pending()

    async def _look(self, rollout_id: str) -> None:
        """Judge one rollout on a reading look; write only what changed, and only if it still stands as it was read."""
        found = await self._watch.look(rollout_id)
        if found is None or not found.changed:
            return
        async with self._ground.database.begin() as connection:
            record = await rollouts.get(connection, rollout_id)
            if record is None or record.machine != found.record.machine:
                return
            if found.wave is not None:
                await rollouts.save_wave(connection, found.wave)
                await rollouts.set_outcomes(connection, rollout_id, found.wave.wave, found.outcomes)
            if found.event is not None:
                await self._move(connection, record, found.event, CONTROLLER)
            elif record.state is RolloutState.WAITING:
                await self._clear(connection, record, CONTROLLER)
        await self._tell()

    async def _move(
        self, connection: AsyncConnection, record: RolloutRecord, event: Event, actor: str, *, hold: bool = True
    ) -> None:
        """One move of the machine, stored with the directive that it asks for; Conflict if it cannot be now."""
        try:
            after, effects = step(machine_of(record), event)
        except NotNow as why:
            raise Conflict("not now", str(why), why.moves) from None
        stored = record_of(after, record.spec)
        await rollouts.save(connection, stored)
        said = f"{record.id} is {after.state}: {after.because}"
        note = Note(at=event.at, what=Happening.ROLLOUT, channel=record.channel, detail=said)
        await history.add(connection, [note])
        if actor == CONTROLLER:
            subject = f"{record.id} {record.channel}"
            await self._audit.record(
                connection, actor=actor, act=f"rollout.{after.state}", subject=subject, reason=after.because
            )
        wanted = tuple(effect for effect in effects if hold or not isinstance(effect, HoldWave))
        await self._effects.perform(connection, after, wanted, actor)
        if after.state is RolloutState.COMPLETED:
            self._completed.append(record.channel)
        self._watch.touch({record.channel})
        if after.state is RolloutState.WAITING:
            await self._clear(connection, stored, actor)

    async def _clear(self, connection: AsyncConnection, record: RolloutRecord, actor: str) -> None:
        """The next wave opens if nothing stands in its way; else the rollout says what does, and calls who can help."""
        at, now = machine_of(record), self._ground.clock()
        waits = await obstacle_of(connection, at, now)
        if waits is None:
            cleared = Cleared(at=now, because=at.because, everybody=await everybody(connection, at))
            await self._move(connection, record, cleared, actor)
        elif waits != at.because:
            await rollouts.save(connection, record_of(msgspec.structs.replace(at, because=waits), record.spec))
            if approvals_missing(at):
                await self._effects.call(connection, at.plan, waits)

    async def _in_the_way(self, connection: AsyncConnection, spec: RolloutSpec) -> Plan | None:
        """The plan of what runs on the channel, if it may be superseded; Conflict else."""
        running = await rollouts.open_ones(connection, spec.channel)
        if running and not spec.supersede:
            possible = ", ".join(moves(machine_of(running[0])))
            raise Conflict(
                "a rollout is under way",
                f"rollout {running[0].id} on {spec.channel} is {running[0].state}: {running[0].because}. "
                f"What can be done with it: {possible}",
            )
        return machine_of(running[-1]).plan if running else None

    async def _store(self, connection: AsyncConnection, at: Rollout, spec: RolloutSpec, actor: str) -> None:
        plan = at.plan
        await rollouts.save(connection, record_of(at, spec))
        for number, wave in enumerate(plan.waves):
            await rollouts.save_wave(connection, WaveRecord(rollout_id=plan.id, wave=number, cohort=wave.cohort))
        subject = f"{plan.id} {spec.channel} to {spec.release}"
        act = "rollout.emergency" if spec.emergency else "rollout.create"
        await self._audit.record(connection, actor=actor, act=act, subject=subject, reason=spec.reason)
        if spec.emergency:
            said = f"{actor} rolls {spec.release} out on {spec.channel} without a canary: {spec.reason}"
            await self._effects.warn(connection, plan, said)

    async def _restart_clocks(self) -> None:
        now = self._ground.clock()
        async with self._ground.database.begin() as connection:
            for record in await rollouts.open_ones(connection):
                if record.state is RolloutState.ROLLING:
                    wave = (await rollouts.waves_of(connection, record.id))[record.wave]
                    await rollouts.save_wave(
                        connection, msgspec.structs.replace(wave, started_at=now, applied_at=None, counted_from=None)
                    )

    async def _told(self, rollout_id: str) -> RolloutView:
        await self._tell()
        await self.tick()
        return await self.get(rollout_id)

    async def _tell(self) -> None:
        await self._orders.publish_pending()
        self._ground.changes.ring("rollouts")
        completed, self._completed = self._completed, []
        for channel in completed:
            for observer in self.observers:
                await observer(channel)

    async def _view(self, connection: AsyncConnection, record: RolloutRecord) -> RolloutView:
        named = [digest for digest in (record.release, record.baseline) if digest is not None]
        known = [await releases.get(connection, digest) for digest in named]
        versions = {one.digest: one.version for one in known if one is not None}
        waves = await rollouts.waves_of(connection, record.id)
        fetching = await _fetching_seconds(connection, record, {one.digest: one for one in known if one is not None})
        return view_of(record, waves, versions, self._ground.clock(), fetching)


async def _fetching_seconds(
    connection: AsyncConnection, record: RolloutRecord, known: Mapping[str, ReleaseRecord]
) -> int:
    """How long a device takes for the bundle at the channel's rate."""
    before, after = known.get(record.baseline or ""), known.get(record.release)
    terms = await channels.get(connection, record.channel)
    if after is None or terms is None:
        return 0
    bundle = None if before is None else release_of(before).bundle
    return download_seconds(bundle, release_of(after).bundle, terms.download_bytes_per_second)


async def _known(connection: AsyncConnection, rollout_id: str) -> RolloutRecord:
    """By id or name."""
    found = await rollouts.get(connection, rollout_id) or await rollouts.named(connection, rollout_id)
    if found is None:
        raise NotFound("no such rollout", rollout_id)
    return found


async def _refuse_taken(connection: AsyncConnection, name: str | None) -> None:
    standing = None if name is None else await rollouts.named(connection, name)
    if standing is not None:
        raise Conflict(
            "the name is taken",
            f"rollout {standing.id} is {name} already, and {standing.state}: a rollout is made once; give another "
            f"name, or let that one go when it has ended: pyv-fleet delete rollout {name}",
        )

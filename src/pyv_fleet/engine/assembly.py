"""Puts the engine together: which part knows which, who is told of what, and which tasks run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from pyv_fleet.broker.interface import Broker
from pyv_fleet.core.catching_up import Behind
from pyv_fleet.core.history import Kept
from pyv_fleet.core.words import AlertName
from pyv_fleet.engine import sweeps
from pyv_fleet.engine.alert_rules import AlertRules
from pyv_fleet.engine.alert_watch import AlertWatch
from pyv_fleet.engine.alerting import Alerting
from pyv_fleet.engine.analysis import Analyses, Asks
from pyv_fleet.engine.answers import Answers
from pyv_fleet.engine.article import ArticleHttp, ArticleTopics
from pyv_fleet.engine.assignments import Assignments
from pyv_fleet.engine.audit import AuditLog
from pyv_fleet.engine.bundles import Bundles
from pyv_fleet.engine.catching_up import CatchingUp, resolve_behind, unseen
from pyv_fleet.engine.channels import Channels
from pyv_fleet.engine.desired import DesiredOrders
from pyv_fleet.engine.desk import Desk
from pyv_fleet.engine.devices import Devices
from pyv_fleet.engine.drift import Drift
from pyv_fleet.engine.drift_watch import DriftWatch
from pyv_fleet.engine.enrolment import Enrolment
from pyv_fleet.engine.errors import Conflict
from pyv_fleet.engine.foreign import Foreign, unsettled
from pyv_fleet.engine.goldens import Goldens
from pyv_fleet.engine.ground import Ground
from pyv_fleet.engine.group_steps import GroupSteps
from pyv_fleet.engine.groups import Groups
from pyv_fleet.engine.history import History
from pyv_fleet.engine.intake import Intake, Monotonic
from pyv_fleet.engine.orders import DAY_MS, Orders
from pyv_fleet.engine.outlets import Outlets, Telling
from pyv_fleet.engine.paces import Paces
from pyv_fleet.engine.page_sessions import PageSessions
from pyv_fleet.engine.parcels import Parcels
from pyv_fleet.engine.parts import Addresses, Parts
from pyv_fleet.engine.policies import Policies
from pyv_fleet.engine.polls import PollPlan, Polls
from pyv_fleet.engine.presence import Presences
from pyv_fleet.engine.promotions import Promotions
from pyv_fleet.engine.publishing import Publishing
from pyv_fleet.engine.quarantine import Quarantine
from pyv_fleet.engine.reception import Ear, Reception, Steps
from pyv_fleet.engine.releases import Releases
from pyv_fleet.engine.requests import Requests
from pyv_fleet.engine.revocation import Revocation
from pyv_fleet.engine.rollback import Rollbacks
from pyv_fleet.engine.rollouts import Rollouts
from pyv_fleet.engine.silences import Silences
from pyv_fleet.engine.sweeps import Sweep, Sweeps
from pyv_fleet.engine.telemetry import Telemetry
from pyv_fleet.engine.tokens import Tokens
from pyv_fleet.engine.trust_chain import TrustChain
from pyv_fleet.engine.turns import Turns
from pyv_fleet.engine.yanks import Yanks
from pyv_fleet.link.interface import Publisher
from pyv_fleet.link.mqtt import LinkSettings, MqttLink
from pyv_fleet.link.retained import ORDERS, read_retained
from pyv_fleet.store import channels
from pyv_fleet.store import fleet as fleets
from pyv_fleet.store.bundle_files import BundleFiles
from pyv_fleet.store.channels import ChannelRecord
from pyv_fleet.store.database import Database
from pyv_fleet.store.orders import DirectiveRecord
from pyv_fleet.trust.authority import Authority
from pyv_fleet.trust.signing import DirectiveSigner
from pyvorin_edge.report import JoinLink
from pyvorin_edge.trust import Trust

log = logging.getLogger(__name__)

FIRST_CHANNEL = "stable"
DAY_SECONDS = DAY_MS / 1000


@dataclass(frozen=True)
class Surroundings:
    """What the engine is given: all of it made by serve.py."""

    ground: Ground
    monotonic: Monotonic
    authority: Authority
    signer: DirectiveSigner
    #: none in tests without a broker: the CRL is then only written
    broker: Broker | None
    #: where the fleet is, as a device that joins is told
    link: Callable[[], JoinLink]
    addresses: Addresses
    #: where bundles lie
    bundles: BundleFiles
    article_channel: str | None = None
    polls: PollPlan = field(default_factory=PollPlan)
    #: where rollouts' own metrics are asked for
    prometheus: Asks | None = None
    #: who is told of alerts, and when
    telling: Telling = field(default_factory=Telling)
    #: how long histories are kept
    kept: Kept = field(default_factory=Kept)


class Engine:
    """The whole engine: `desk` for the faces, `running` for its tasks."""

    def __init__(self, around: Surroundings, trust: TrustChain) -> None:
        self._ground = ground = around.ground
        self.alerting, audit, goldens = Alerting(ground), AuditLog(ground), Goldens()
        self._monotonic, self.trust, self.orders = around.monotonic, trust, Orders(ground, around.signer, trust)
        self.ear, presences = Ear(ground.clock, around.monotonic), Presences()
        self.paces = Paces(ground, self.ear.since)
        self.requests = requests = Requests(ground, self.orders, audit, monotonic=around.monotonic)
        self.intake = Intake(
            ground, self.alerting, self.paces, presences, ask=requests.ask_for_report, monotonic=around.monotonic
        )
        self.publishing = Publishing(ground, trust, Foreign(ground, trust, self.alerting, audit))
        self.catching_up = CatchingUp(ground, trust, self.orders, requests, self.alerting, audit, around.monotonic)
        self._article_topics = ArticleTopics(ground, around.article_channel)
        self.reception = Reception(self.intake, requests, self.publishing, presences, self.ear, around.monotonic)
        self.sweeps = Sweeps(ground, trust, self.orders, self.alerting)
        self._revocation = Revocation(ground, around.authority, around.broker)
        self.tokens = Tokens(ground, audit, server_ca_spki_sha256=around.authority.server_ca_spki_sha256)
        self._bundles = Bundles(ground, audit, around.bundles)
        self._telemetry = Telemetry(ground, self.tokens)
        self.polls = Polls(ground, around.polls)
        self.rollouts = self._made_rollouts(around, audit)
        self.rollbacks = Rollbacks(ground, trust, self.orders, audit, self.rollouts)
        enrolment = Enrolment(
            ground, around.authority, trust, self.orders, self._revocation, self.alerting, audit, link=around.link
        )
        assignments = Assignments(ground, trust, self.orders, audit)
        self.alert_watch = AlertWatch(ground, goldens, self.alerting, self._heard_since)
        self.silences = Silences(ground, audit)
        self.outlets = Outlets(ground, self.alerting, around.telling)
        parts = Parts(
            ground=ground,
            trust=trust,
            alerting=self.alerting,
            alert_rules=AlertRules(ground, audit, self.alert_watch),
            silences=self.silences,
            deliveries=self.outlets.deliveries,
            audit=audit,
            intake=self.intake,
            devices=Devices(ground, goldens, self.polls),
            assignments=assignments,
            groups=(groups := Groups(ground, goldens, self.alerting, audit)),
            quarantine=Quarantine(ground, self._revocation, assignments, audit),
            drift=Drift(ground, goldens, requests, self.orders, assignments, groups, audit),
            policies=Policies(ground, audit),
            channels=Channels(ground, self.orders, self.paces, audit),
            tokens=self.tokens,
            page_sessions=PageSessions(ground.clock, ground.random, self.tokens.standing),
            enrolment=enrolment,
            revocation=self._revocation,
            requests=requests,
            telemetry=self._telemetry,
            article=ArticleHttp(ground, goldens, self.alerting),
            releases=Releases(ground, trust, self.orders, audit, self._bundles),
            bundles=self._bundles,
            rollouts=self.rollouts,
            rollbacks=self.rollbacks,
            answers=Answers(ground),
            desired=DesiredOrders(ground, trust),
            parcels=Parcels(ground, trust, self.orders, audit),
            catching_up=self.catching_up,
            yanks=Yanks(ground, trust, audit, self.rollouts),
            promotions=Promotions(ground, audit, self.rollouts),
            history=History(ground, around.kept),
        )
        self.turns = Turns(ground, self.orders, self._hears, self.ear.since)
        self.group_steps = GroupSteps(ground, goldens, self.orders, self.alerting, audit)
        self.desk = Desk(parts, around.addresses, around.article_channel)
        #: whether devices are heard through a broker
        self._linked = True
        self._tell_each_other()

    def _made_rollouts(self, around: Surroundings, audit: AuditLog) -> Rollouts:
        steps = Steps(around.ground.clock, around.monotonic)
        return Rollouts(
            around.ground,
            self.trust,
            self.orders,
            audit,
            self.alerting,
            # deaf for one look after a step of the clock, so that the waves' clocks begin anew
            hearing=lambda: not steps.stepped() and self._hears(),
            analyses=Analyses(around.ground, around.prometheus),
        )

    def _tell_each_other(self) -> None:
        self.drift_watch = DriftWatch(self._ground, self.alerting)
        #: found while orders were held
        self._foreign: list[DirectiveRecord] = []
        self.orders.publish_with(self.publishing.pending)
        self.intake.observers += [
            self.catching_up.heard,
            self.rollbacks.heard,
            self.rollouts.heard,
            self.turns.heard,
        ]
        self.intake.stored_observers.append(self.alert_watch.stored)
        self.catching_up.observers.append(self._caught_up)
        self.catching_up.behind_observers.append(self._behind)
        self.publishing.observers += [
            self.rollbacks.ordered,
            self.rollbacks.adopted,
            self._directive_out,
            self._article_topics.ordered,
        ]
        self.rollouts.observers.append(self._article_topics.completed)
        self.trust.observers += [self._trust_changed, self.sweeps.renew]

    async def _trust_changed(self, _trust: Trust) -> None:
        self._ground.ordered.ring_all()
        await self.publishing.trust_changed()

    @asynccontextmanager
    async def running(self, link: LinkSettings | None) -> AsyncIterator[None]:
        """All tasks, until the block ends; with no link, only what comes over HTTP. A task that dies ends the block."""
        await self.paces.load()
        self._linked = link is not None
        if link is None:
            await self._caught_up()
        else:
            self._catch_up_through(link)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self.intake.run(), name="intake")]
            tasks.append(group.create_task(self._catching_up(), name="catching up"))
            tasks.append(group.create_task(self.publishing.run(), name="publishing"))
            tasks.append(group.create_task(sweeps.run(self._duties()), name="sweeps"))
            tasks.append(group.create_task(self.outlets.deliveries.run(), name="deliveries"))
            if link is not None:
                tasks.append(group.create_task(self._connect(link).run(), name="link"))
            try:
                yield
            finally:
                for task in reversed(tasks):
                    task.cancel()

    def _catch_up_through(self, link: LinkSettings) -> None:
        """Nothing is published before what the broker holds was read, and ordered before the devices were heard."""

        async def read() -> None:
            await self.catching_up.read(await read_retained(link, ORDERS))
            await self.paces.load()

        self.catching_up.begin()
        self.publishing.prepare_with(read)

    async def _catching_up(self) -> None:
        if self.orders.held:
            await self.catching_up.run()

    async def _caught_up(self) -> None:
        """Orders may go out: what was found stops rollouts first, then each part takes up what it left."""
        await self.rollbacks.reenter()
        foreign, self._foreign = self._foreign, []
        # and what was found by one that was killed before it came so far
        foreign += await unsettled(self._ground)
        for directive in foreign:
            await self._stop_rollouts(directive)
        await self.rollouts.reenter()
        await self.sweeps.renew(self.trust.current)

    async def _directive_out(self, directive: DirectiveRecord) -> None:
        """Rollouts are stopped by orders of their own, which may have to wait."""
        if directive.foreign and self.orders.held:
            self._foreign.append(directive)
        else:
            await self.rollouts.ordered(directive)

    async def _behind(self, behind: Behind) -> None:
        """Devices hold a directive that nobody here has seen: as good as a foreign one."""
        self._foreign.append(unseen(behind, self.trust.current.epoch))

    async def _stop_rollouts(self, directive: DirectiveRecord) -> None:
        try:
            await self.rollouts.ordered(directive)
        except Conflict as why:  # on another channel that is behind: it can order nothing, so it goes nowhere
            log.warning("a rollout could not be paused: %s", why)

    async def refresh_crl(self) -> None:
        """Before the broker starts: the CRL may have expired, or miss what was revoked just before a kill, or the
        present canary; each would keep the broker from starting or let a revoked device in."""
        await self._revocation.refresh()

    async def broker_told(self, sentence: str) -> None:
        """What befell the broker, as an alert."""
        async with self._ground.database.begin() as connection:
            await self.alerting.raise_alert(connection, AlertName.BROKER, detail=sentence)

    def publish_through(self, publisher: Publisher) -> None:
        """All that goes out goes this way from now on."""
        for part in (self.intake, self.publishing, self.requests, self._article_topics):
            part.publish_through(publisher)

    def _connect(self, settings: LinkSettings) -> MqttLink:
        link = MqttLink(settings, self.reception)
        self.publish_through(link)
        return link

    def _heard_since(self) -> int:
        """What was told before this is the past; with no link there is no listening."""
        return self.ear.since() if self._linked else 0

    def _hears(self) -> bool:
        return self.ear.open and not self._lags() and self.catching_up.done.is_set()

    def _lags(self) -> bool:
        return self.intake.backlog > sweeps.LAGGING_BACKLOG

    def _duties(self) -> list[Sweep]:
        async def lost() -> None:
            await self.sweeps.lost(self.intake, self.paces, self.ear.since_or_none)

        async def renew() -> None:
            """A kill between a new trust document and the orders that it asks for must not leave old ones for ever."""
            await self.sweeps.renew(self.trust.current)

        polling = [Sweep("poll", self.polls.plan.every_seconds, self.polls.poll)] if self.polls.plan.addresses else []
        return [
            *polling,
            Sweep("lost", 1.0, lost),
            Sweep("rollouts", 0.5, self.rollouts.tick),
            Sweep("turns", 0.5, self.turns.tick),
            Sweep("own metrics", 5.0, self.rollouts.analyses.ask),
            Sweep("groups", 2.0, self._step_groups),
            Sweep("alerts", 1.0, self._watch),
            Sweep("alerts of updates", 30.0, self.alert_watch.look_at_updates),
            Sweep("notifications", 1.0, self.outlets.notifier.tick),
            Sweep("drift", 30.0, self.drift_watch.look),
            Sweep("renew", DAY_SECONDS, renew, at_once=True),
            Sweep("refresh", 3600.0, self.sweeps.refresh),
            Sweep("behind", 10.0, self._resolve_behind),
            Sweep("trust", 3600.0, self.sweeps.trust, at_once=True),
            Sweep("crl", DAY_SECONDS, self._revocation.refresh),
            Sweep("paces", 60.0, self.paces.load),
            Sweep("forget", 3600.0, self._forget),
        ]

    async def _watch(self) -> None:
        await self.alert_watch.tick(listening=not self._linked or self._hears())

    async def _step_groups(self) -> None:
        """Not while nobody is heard: a silence of ours is no member's fault."""
        if self._hears():
            await self.group_steps.tick()

    async def _resolve_behind(self) -> None:
        if self.catching_up.done.is_set():
            await resolve_behind(self.orders, self.alerting, self._ground)

    async def _forget(self) -> None:
        await self.sweeps.forget()
        await self._telemetry.forget_old()
        await self._bundles.forget()
        await self.desk.history.thin()
        await self.silences.forget()
        await self.outlets.deliveries.forget()


async def found_fleet(database: Database, name: str, root_key: str, now_ms: int) -> None:
    """A new store gets its fleet and the channel `stable`; one that has a fleet stays as it is. Safe to repeat."""
    async with database.begin() as connection:
        await fleets.found(connection, name, root_key, now_ms)
        if not await channels.every(connection):
            await channels.save(connection, ChannelRecord(name=FIRST_CHANNEL, created_at=now_ms))


async def assemble(around: Surroundings) -> Engine:
    """The engine over a store whose fleet is founded."""
    return Engine(around, await TrustChain.load(around.ground))

"""What a person, a program or a device may ask of the controller. Thin: each noun has its own part."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from cryptography import x509

from pyv_fleet.core.keys import KeyMade, KeySpec
from pyv_fleet.core.views import (
    AlertVerb,
    AlertView,
    AttentionView,
    AuditCheck,
    AuditView,
    ChannelBody,
    ChannelView,
    DeviceView,
    FleetView,
    MemberView,
    Page,
    PlanView,
    ReleaseView,
    RollbackSpec,
    RolloutSpec,
    RolloutVerb,
    RolloutView,
    SnapshotView,
    TokenMade,
    TokenSpec,
)
from pyv_fleet.core.words import AuthScope, MemberStanding, RolloutAct
from pyv_fleet.engine.desired import Desired
from pyv_fleet.engine.errors import Forbidden, Invalid, NotFound
from pyv_fleet.engine.nouns import Nouns
from pyv_fleet.engine.parts import Addresses, Parts
from pyv_fleet.store import channels, devices
from pyv_fleet.store import fleet as fleets
from pyv_fleet.store.status import Filter
from pyvorin_edge.report import Join, Response
from pyvorin_edge.vocabulary import Connectivity, Standing, Verb

ASKED_BY_PEOPLE = (Verb.REPORT, Verb.SNAPSHOT, Verb.LOGS)


class Desk(Nouns):
    """Every answer is a view; what cannot be done is an error of errors.py. `actor` is who asks, for the audit."""

    def __init__(self, parts: Parts, addresses: Addresses, article_channel: str | None) -> None:
        super().__init__(parts)
        self._addresses = addresses
        self._article_channel = article_channel

    # --- the fleet ---

    async def fleet(self) -> FleetView:
        """The fleet as a whole."""
        async with self._parts.ground.database.read() as connection:
            fleet = await fleets.get(connection)
            names = tuple(record.name for record in await channels.every(connection))
            count = await devices.count(connection)
        if fleet is None:
            raise NotFound("no fleet", "this store holds no fleet yet")
        trust = self._parts.trust.current
        return FleetView(
            name=fleet.name,
            root_key=fleet.root_key,
            trust_version=trust.version,
            epoch=trust.epoch,
            devices=count,
            channels=names,
            article_channel=self._article_channel,
            broker=self._addresses.broker,
            api=self._addresses.api,
        )

    async def snapshot(self) -> SnapshotView:
        """The article's FleetSnapshot."""
        return await self._parts.devices.snapshot()

    async def attention(self, max_queue_depth: int, max_cpu: float) -> tuple[AttentionView, ...]:
        """Who needs a person, and why."""
        return await self._parts.devices.attention(max_queue_depth, max_cpu)

    def changes(self) -> AsyncIterator[str]:
        """One word for every change from now on: what kind of thing changed."""
        return self._parts.ground.changes.listen()

    async def devices(
        self,
        channel: str | None,
        labels: Mapping[str, str],
        connectivity: Connectivity | None,
        standing: Standing | None,
        after: str | None,
        limit: int,
    ) -> Page[DeviceView]:
        """Those that match, by id."""
        standings = () if standing is None else (standing,)
        wanted = Filter(channel=channel, labels=dict(labels), connectivity=connectivity, standings=standings)
        return await self._parts.devices.page(wanted, after, limit)

    async def device(self, device_id: str) -> DeviceView:
        """One; NotFound."""
        return await self._parts.devices.get(device_id)

    async def request(self, device_id: str, verb: Verb, args: dict[str, Any], actor: str) -> Response:
        """What the device answers within 10 s. NotFound, Unavailable, TimedOut."""
        if verb not in ASKED_BY_PEOPLE:
            raise Invalid("not asked this way", f"verb {verb.value}: use POST /v1/drift/remediate")
        return await self._parts.requests.ask(device_id, verb, args, actor)

    async def accept_report(self, device_id: str, raw: bytes) -> None:
        """A report over HTTP, stored when this returns; Invalid."""
        await self._parts.intake.accept_report(device_id, raw)

    async def desired(self, device_id: str) -> Desired:
        """The orders in force for a device; NotFound."""
        return await self._parts.desired.of(device_id)

    async def polled(self, device_id: str, known: str | None, seconds: float, ending: asyncio.Event) -> Desired:
        """As a device asks, who is heard by that: at once, or when its ETag is not `known`, or after `seconds`."""
        self._parts.intake.polled(device_id)
        if known is None or not seconds:
            return await self._parts.desired.of(device_id)
        return await self._parts.desired.after(device_id, known, seconds, ending)

    # --- releases, channels, rollouts ---

    async def publish_release(
        self,
        envelope: bytes,
        blob: bytes,
        actor: str,
        *,
        unchecked: bool = False,
        scope: AuthScope | None = None,
        provenance: bytes | None = None,
    ) -> tuple[ReleaseView, bool]:
        """The release, and whether it is new. Invalid, Conflict; Forbidden for `unchecked` by others than admins."""
        if unchecked and scope is not AuthScope.ADMIN:
            raise Forbidden("not allowed", "only an admin may publish a release unchecked")
        return await self._parts.releases.publish(envelope, blob, actor, unchecked=unchecked, provenance=provenance)

    async def releases(self, after: str | None, limit: int) -> Page[ReleaseView]:
        """All releases."""
        return await self._parts.releases.page(after, limit)

    async def release(self, ref: str) -> ReleaseView:
        """By digest or version; NotFound."""
        return await self._parts.releases.get(ref)

    async def release_envelope(self, digest: str) -> bytes:
        """The signed envelope; NotFound."""
        return await self._parts.releases.envelope(digest)

    async def release_provenance(self, ref: str) -> bytes:
        """The signed statement of where it comes from; NotFound."""
        return await self._parts.releases.provenance(ref)

    async def blob(self, sha256: str) -> bytes:
        """A config's bytes; NotFound."""
        return await self._parts.releases.blob(sha256)

    async def channels(self) -> tuple[ChannelView, ...]:
        """All, by name."""
        return await self._parts.channels.every()

    async def channel(self, name: str) -> ChannelView:
        """One; NotFound."""
        return await self._parts.channels.get(name)

    async def put_channel(
        self, name: str, body: ChannelBody, actor: str, *, reason: str = "", seen: str | None = None
    ) -> ChannelView:
        """Made, or its terms set."""
        return await self._parts.channels.put(name, body, actor, reason=reason, seen=seen)

    async def delete_channel(self, name: str, reason: str, actor: str) -> None:
        """Gone; NotFound, Conflict while it is in use."""
        await self._parts.channels.delete(name, reason, actor)

    async def refresh_channel(self, name: str, reason: str, actor: str) -> ChannelView:
        """The same rules as a new generation; NotFound, Conflict without a directive."""
        return await self._parts.channels.refresh(name, reason, actor)

    async def create_rollout(self, spec: RolloutSpec, actor: str, scope: AuthScope | None) -> RolloutView:
        """Made, and started unless held."""
        return await self._parts.rollouts.create(spec, actor, scope)

    async def plan_rollout(self, spec: RolloutSpec) -> PlanView:
        """What it would do."""
        return await self._parts.rollouts.plan(spec)

    async def rollouts(self, after: str | None, limit: int) -> Page[RolloutView]:
        """All, newest first."""
        return await self._parts.rollouts.page(after, limit)

    async def rollout(self, rollout_id: str) -> RolloutView:
        """One; NotFound."""
        return await self._parts.rollouts.get(rollout_id)

    async def rollout_devices(
        self, rollout_id: str, wave: int | None, standing: MemberStanding | None, after: str | None, limit: int
    ) -> Page[MemberView]:
        """By which devices a wave is judged, and how they do; NotFound."""
        return await self._parts.rollouts.members(rollout_id, wave, standing, after, limit)

    async def act_on_rollout(self, rollout_id: str, act: RolloutAct, verb: RolloutVerb, actor: str) -> RolloutView:
        """What a person asks of it."""
        return await self._parts.rollouts.act(rollout_id, act, verb, actor)

    async def forget_rollout(self, rollout_id: str, verb: RolloutVerb, actor: str) -> RolloutView:
        """One that has ended lets go of its name; NotFound, Conflict."""
        return await self._parts.rollouts.forget(rollout_id, verb, actor)

    async def undone_by(self, rollout_id: str, verb: RolloutVerb) -> RollbackSpec:
        """The rollback that takes back a rollout that has ended; NotFound, Conflict."""
        return await self._parts.rollouts.undone_by(rollout_id, verb)

    # --- trust, tokens, enrolment ---

    async def trust_document(self, version: int) -> bytes:
        """One document; NotFound."""
        return await self._parts.trust.document(version)

    async def put_trust(self, version: int, document: bytes, actor: str) -> None:
        """The next of the chain, in force and published; Invalid, Conflict."""
        await self._parts.trust.put(version, document, actor)

    async def create_token(self, spec: TokenSpec, actor: str) -> TokenMade:
        """An enrolment token, shown once."""
        return await self._parts.tokens.create(spec, actor)

    async def create_key(self, spec: KeySpec, actor: str) -> KeyMade:
        """A key of a person or program, shown once; Conflict."""
        return await self._parts.tokens.create_key(spec, actor)

    async def scope_of(self, token_text: str) -> tuple[str, AuthScope] | None:
        """Whose API token this is and what it may do."""
        return await self._parts.tokens.scope_of(token_text)

    async def enrol(self, device_id: str, token_text: str, csr_der: bytes, address: str) -> bytes:
        """The certificate's DER. Invalid, Unauthorised, Forbidden, TooMany."""
        return await self._parts.enrolment.enrol(device_id, token_text, csr_der, address)

    async def reenrol(self, device_id: str, csr_der: bytes, presented_cert_der: bytes) -> bytes:
        """A new certificate's DER. Invalid, Forbidden."""
        return await self._parts.enrolment.reenrol(device_id, csr_der, presented_cert_der)

    async def join(self, device_id: str, cert_serial: int) -> Join:
        """All else that an enrolled device needs; Forbidden."""
        return await self._parts.enrolment.join(device_id, cert_serial)

    async def device_certificate_valid(
        self, device_id: str, serial: int, presented: x509.Certificate | None = None
    ) -> bool:
        """Whether a certificate that TLS accepted is in force for this device; `presented`, to be known again."""
        return await self._parts.revocation.valid(device_id, serial, presented)

    # --- the article's, alerts, audit ---

    @property
    def article_not_raised(self) -> Mapping[str, int]:
        """Alerts of the article's script that were none, since the start, by name."""
        return self._parts.article.not_raised

    async def golden_hash(self, device_id: str) -> str | None:
        """64 hex, or none while it is unknown."""
        return await self._parts.article.golden_hash(device_id)

    async def article_alert(self, device_id: str, alert: str, hash: str, verified: bool) -> None:
        """Taken; NotFound, Invalid."""
        await self._parts.article.alert(device_id, alert, hash, verified=verified)

    async def ingest(self, key_text: str, body: bytes) -> bool:
        """Stored; false if it was before. Unauthorised, Forbidden, Invalid."""
        return await self._parts.telemetry.take(key_text, body)

    async def acknowledge(self, alert_id: str, verb: AlertVerb, actor: str) -> AlertView:
        """A person has seen it; NotFound."""
        return await self._parts.alerting.acknowledge(alert_id, verb, actor, self._parts.audit)

    async def check_audit(self, known: str | None) -> AuditCheck:
        """Whether the log is whole."""
        return await self._parts.audit.check(known)

    async def audit(self, after: str | None, limit: int) -> Page[AuditView]:
        """The log, newest first."""
        return await self._parts.audit.page(after, limit)

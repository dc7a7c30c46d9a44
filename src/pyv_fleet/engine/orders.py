"""The only maker of directives, assignments and requests: numbered, signed and stored before anything is published."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.catching_up import Behind, behind_of
from pyv_fleet.core.drift_ignores import ordered, rules_of
from pyv_fleet.core.recovery import REPORTED_AHEAD_MAX_MS
from pyv_fleet.engine.bell import channel_name, device_name
from pyv_fleet.engine.errors import Conflict, Invalid, NotFound, Unavailable
from pyv_fleet.engine.ground import Ground
from pyv_fleet.engine.last_good import last_good
from pyv_fleet.engine.trust_chain import TrustChain
from pyv_fleet.store import channels, devices
from pyv_fleet.store import fleet as fleets
from pyv_fleet.store import orders as directives
from pyv_fleet.store.channels import ChannelRecord
from pyv_fleet.store.devices import DeviceRecord
from pyv_fleet.store.orders import DirectiveRecord
from pyv_fleet.store.schema import device_status
from pyv_fleet.trust.errors import DocumentRefused
from pyv_fleet.trust.signing import DirectiveSigner
from pyvorin_edge import orders
from pyvorin_edge.cadence import fleet_reconnect_seconds
from pyvorin_edge.envelope import open_envelope
from pyvorin_edge.identity import ChannelName, DeviceId, Digest, FleetName
from pyvorin_edge.orders import Assignment, Directive, DriftTerms, Pace, Request, Rule
from pyvorin_edge.turns import crit_of
from pyvorin_edge.vocabulary import Role, RuleKind, Verb

DAY_MS: Final = 86_400_000
DIRECTIVE_LIFE_MS: Final = 30 * DAY_MS
REFRESH_AFTER_MS: Final = 10 * DAY_MS
TEXT_MAX: Final = 512

Flush = Callable[[], Awaitable[None]]


class Orders:
    """Makes orders in the caller's transaction; whoever committed calls `publish_pending` (publishing.py)."""

    def __init__(self, ground: Ground, signer: DirectiveSigner, trust: TrustChain) -> None:
        self._ground = ground
        self._signer = signer
        self._trust = trust
        self._flush: Flush | None = None
        self._held = ""

    def publish_with(self, flush: Flush) -> None:
        """Who carries committed orders out: Publishing.pending."""
        self._flush = flush

    def hold(self, because: str) -> None:
        """Give out no order until `release`: it is not known yet what stands (catching_up.py)."""
        self._held = because

    def release(self) -> None:
        """Orders may go out."""
        self._held = ""

    @property
    def held(self) -> bool:
        """Whether no order is given out now."""
        return bool(self._held)

    async def issue_directive(
        self, connection: AsyncConnection, channel: str, rules: Sequence[Rule], *, reason: str, actor: str
    ) -> Directive:
        """The channel's next directive, numbered, signed and stored in this transaction, not yet published.

        NotFound for an unknown channel, Invalid for rules that devices would refuse, Unavailable while no trust
        document names this controller's key or orders are held, Conflict while devices hold newer orders than this
        store and the rules are not the same for all. After the commit: `await orders.publish_pending()`.
        """
        self._refuse_without_role()
        self._refuse_while_held()
        terms = await channels.get(connection, channel)
        if terms is None:
            raise NotFound("no such channel", channel)
        if len(rules) > 1:
            await self._refuse_behind(connection, channel)
        rules = in_turns(rules, terms)
        issued_at = await fleets.next_issued_at(connection, self._ground.clock())
        good = await last_good(connection, channel)
        directive = Directive(
            v=1,
            fleet=FleetName(self._ground.fleet),
            channel=ChannelName(channel),
            epoch=self._trust.current.epoch,
            generation=max(issued_at, await self._last_generation(connection, channel, issued_at) + 1),
            rules=rules,
            crit=crit_of(rules),
            pace=await pace_of(connection, terms),
            drift=drift_terms_of(terms, issued_at),
            window=None if terms.window is None else msgspec.convert(terms.window, orders.Window),
            last_good=None if good is None else Digest(good),
            issued_at=issued_at,
            expires_at=issued_at + DIRECTIVE_LIFE_MS,
            reason=reason[:TEXT_MAX],
            issued_by=actor[:TEXT_MAX],
        )
        await directives.put(connection, self._sealed(directive))
        self._ground.ordered.note(channel_name(channel))
        return directive

    async def publish_directive(self, channel: str, rules: Sequence[Rule], *, reason: str, actor: str) -> Directive:
        """`issue_directive` in a transaction of its own, then published."""
        async with self._ground.database.begin() as connection:
            directive = await self.issue_directive(connection, channel, rules, reason=reason, actor=actor)
        await self.publish_pending()
        return directive

    async def reissue(self, connection: AsyncConnection, channel: str, *, reason: str, actor: str) -> Directive | None:
        """The same rules in a new directive: a refresh, changed terms, a new epoch. None without a directive.

        Conflict while devices hold newer orders: the same rules would be news to them.
        """
        now = await directives.current(connection, channel)
        if now is None:
            return None
        await self._refuse_behind(connection, channel)
        return await self.issue_directive(connection, channel, now.rules, reason=reason, actor=actor)

    async def issue_assignment(self, connection: AsyncConnection, device: DeviceRecord, *, actor: str) -> DeviceRecord:
        """The device with its next assignment signed over its channel, labels, overlay, pin and turn, and stored.

        After the commit: `await orders.publish_pending()`.
        """
        self._refuse_without_role()
        self._refuse_while_held()
        issued_at = await fleets.next_issued_at(connection, self._ground.clock())
        epoch = self._trust.current.epoch
        number = max(issued_at, await self._last_number(connection, device) + 1)
        turn = device.grant if device.holds_turn else None  # one that was used would let it begin uncounted
        assignment = Assignment(
            v=1,
            fleet=FleetName(self._ground.fleet),
            epoch=epoch,
            device_id=DeviceId(device.device_id),
            number=number,
            channel=ChannelName(device.channel),
            # a higher epoch forgets generations (rule 2)
            min_generation=device.min_generation if epoch == device.epoch else 0,
            labels=device.labels,
            overlay=device.overlay,
            pin=None if device.pin is None else msgspec.convert(device.pin, orders.Pin),
            turn=turn,
            tz=device.tz,
            drift=device.drift_terms,
            issued_at=issued_at,
            issued_by=actor[:TEXT_MAX],
        )
        made = msgspec.structs.replace(
            device,
            epoch=epoch,
            number=number,
            min_generation=assignment.min_generation,
            overlay_digest=orders.overlay_digest(device.overlay),
            turn=device.turn if turn is not None else device.turn_over,
            assignment=self._sealed_assignment(assignment),
            published_at=None,
        )
        await devices.save(connection, made)
        self._ground.ordered.note(device_name(device.device_id))
        return made

    async def make_request(
        self,
        connection: AsyncConnection,
        verb: Verb,
        *,
        device_id: str | None = None,
        shard: str | None = None,
        boot_id: str | None = None,
        args: dict[str, Any] | None = None,
        valid_ms: int,
        spread_seconds: int = 0,
    ) -> tuple[Request, bytes]:
        """A signed request and its envelope; its number is its random id, so nothing but its time is stored."""
        self._refuse_without_role()
        issued_at = await fleets.next_issued_at(connection, self._ground.clock())
        request = Request(
            v=1,
            fleet=FleetName(self._ground.fleet),
            epoch=self._trust.current.epoch,
            request_id=self._ground.new_id(),
            verb=verb,
            device_id=None if device_id is None else DeviceId(device_id),
            shard=shard,
            args=args or {},
            boot_id=boot_id,
            spread_seconds=spread_seconds,
            issued_at=issued_at,
            expires_at=issued_at + valid_ms,
        )
        return request, self._sign(lambda: self._signer.request(request))

    async def publish_pending(self) -> None:
        """Carry out what is committed and not confirmed by the broker yet; without a broker it stays pending, and
        whoever waits over HTTP has it at once."""
        self._ground.ordered.ring()
        if self._flush is not None:
            await self._flush()

    def _refuse_without_role(self) -> None:
        keys = self._trust.current.roles[Role.DIRECTIVE]
        if self._signer.keyid not in keys.by_id or keys.threshold > 1:
            raise Unavailable(
                "not allowed to sign",
                "the trust document in force does not let this controller's directive key sign alone: "
                "sign a new one with the root key and PUT it to /v1/trust",
            )

    def _refuse_while_held(self) -> None:
        if self._held:
            raise Unavailable("catching up", self._held)

    async def _refuse_behind(self, connection: AsyncConnection, channel: str) -> None:
        found = await self.behind(connection, channel)
        if found is not None:
            raise Conflict(
                "devices hold newer orders",
                f"{found.sentence}: what the rest of them would be told is not what they run. Say what the whole "
                f"channel is to run first: pyv-fleet rollback --channel {channel} --to VERSION",
            )

    async def behind(self, connection: AsyncConnection, channel: str) -> Behind | None:
        """Whether devices of the channel hold a directive that this store does not know (a restored backup)."""
        epoch = self._trust.current.epoch
        last = await directives.current(connection, channel)
        stored = last.generation if last is not None and last.epoch == epoch else 0
        rows = await connection.execute(
            select(device_status.c.device_id, device_status.c.generation)
            .where(device_status.c.channel == channel)
            .where(device_status.c.epoch == epoch)
            .where(device_status.c.generation > 0)
            .where(device_status.c.generation <= self._ground.clock() + REPORTED_AHEAD_MAX_MS)
        )
        return behind_of(channel, stored, [(str(device_id), int(generation)) for device_id, generation in rows])

    async def _last_number(self, connection: AsyncConnection, device: DeviceRecord) -> int:
        """The highest known in this epoch: stored, or reported by the device itself and possible."""
        epoch = self._trust.current.epoch
        said = await connection.execute(
            select(device_status.c.number)
            .where(device_status.c.device_id == device.device_id)
            .where(device_status.c.epoch == epoch)
            .where(device_status.c.number <= self._ground.clock() + REPORTED_AHEAD_MAX_MS)
        )
        return max(device.number if device.epoch == epoch else 0, int(said.scalar_one_or_none() or 0))

    async def _last_generation(self, connection: AsyncConnection, channel: str, now_ms: int) -> int:
        """The highest known in this epoch: stored, adopted, or reported by a device and possible (PROTOCOL 5)."""
        epoch = self._trust.current.epoch
        last = await directives.current(connection, channel)
        reported = await connection.execute(
            select(func.max(device_status.c.generation))
            .where(device_status.c.channel == channel)
            .where(device_status.c.epoch == epoch)
            .where(device_status.c.generation <= now_ms + REPORTED_AHEAD_MAX_MS)
        )
        stored = last.generation if last is not None and last.epoch == epoch else 0
        return max(stored, int(reported.scalar_one_or_none() or 0))

    def _sealed_assignment(self, assignment: Assignment) -> bytes:
        envelope = self._sign(lambda: self._signer.assignment(assignment))
        try:
            orders.decode_order(open_envelope(envelope).payload, Assignment)
        except orders.OrderError as why:
            raise Invalid("the device would refuse this assignment", str(why), (str(why),)) from None
        return envelope

    def _sealed(self, directive: Directive) -> DirectiveRecord:
        envelope = self._sign(lambda: self._signer.directive(directive))
        payload = open_envelope(envelope).payload
        try:
            orders.decode_order(payload, Directive)
        except orders.OrderError as why:
            raise Invalid("devices would refuse this directive", str(why), (str(why),)) from None
        return record_of(directive, envelope, payload, foreign=False)

    def _sign(self, seal: Callable[[], bytes]) -> bytes:
        try:
            return seal()
        except DocumentRefused as why:
            raise Invalid("the order is too large", str(why)) from None


def record_of(directive: Directive, envelope: bytes, payload: bytes, *, foreign: bool) -> DirectiveRecord:
    """A directive as the store keeps it."""
    return DirectiveRecord(
        channel=directive.channel,
        epoch=directive.epoch,
        generation=directive.generation,
        envelope=envelope,
        payload_sha256=hashlib.sha256(payload).hexdigest(),
        rules=directive.rules,
        reason=directive.reason,
        issued_by=directive.issued_by,
        issued_at=directive.issued_at,
        expires_at=directive.expires_at,
        foreign=foreign,
    )


def in_turns(rules: Sequence[Rule], terms: ChannelRecord) -> tuple[Rule, ...]:
    """The rules as the channel's herd has them begun; a rollback waits for no turn, whatever they were before."""
    turn = terms.herd is not None
    return tuple(msgspec.structs.replace(rule, turn=turn and rule.kind is RuleKind.RELEASE) for rule in rules)


async def pace_of(connection: AsyncConnection, terms: ChannelRecord) -> Pace:
    """How often the channel's devices speak; reconnects spread over the whole fleet (rule 12)."""
    return Pace(
        beat_seconds=terms.beat_seconds,
        report_seconds=terms.report_seconds,
        keepalive_seconds=terms.keepalive_seconds,
        reconnect_seconds=fleet_reconnect_seconds(await devices.count(connection)),
        settle_seconds=terms.settle_seconds,
        download_bytes_per_second=terms.download_bytes_per_second,
    )


def drift_terms_of(terms: ChannelRecord, now_ms: int) -> DriftTerms:
    """The channel's drift policy; what is ignored only until its end."""
    return DriftTerms(policy=terms.drift_policy, ignore=ordered(rules_of(terms.drift_ignore), now_ms))


def directive_of(record: DirectiveRecord) -> Directive:
    """The order in a stored envelope, which was verified before it was stored."""
    return orders.decode_order(open_envelope(record.envelope).payload, Directive)

"""Accept or refuse an order: PROTOCOL 5, rules 1, 2 and 8; the numbers beside the lines are the order of rule 1."""

from __future__ import annotations

from typing import Final, Generic, TypeAlias, TypeVar

import msgspec

from pyv_edge_agent.core.events import Now
from pyv_edge_agent.core.memory import Heard, State
from pyvorin_edge import envelope as dsse
from pyvorin_edge import wire
from pyvorin_edge.errors import WireError
from pyvorin_edge.identity import Digest, digest_of
from pyvorin_edge.orders import Assignment, Directive, OrderError, Release, Request, decode_order
from pyvorin_edge.trust import Trust, holds
from pyvorin_edge.vocabulary import Refusal, Role

AHEAD_MAX_MS: Final = 24 * 3600 * 1000

O = TypeVar("O", Directive, Assignment, Release, Request)  # noqa: E741  (an order)


class Taken(msgspec.Struct, Generic[O], frozen=True):
    """A verified order that counts from now on."""

    order: O
    envelope: bytes
    payload_sha256: Digest


class Again(msgspec.Struct, Generic[O], frozen=True):
    """The very order that was heard last."""

    order: O
    envelope: bytes


class Ignored(msgspec.Struct, frozen=True):
    """An older order, or an empty payload: nothing happens."""


class NotObeyed(msgspec.Struct, frozen=True):
    """A refusal to report."""

    code: Refusal
    detail: str

    @property
    def ask_again(self) -> bool:
        """Refused only for epoch, key or time: asked for again when trust or clock changes (rule 1)."""
        return self.code in (
            Refusal.EPOCH,
            Refusal.SIGNATURE,
            Refusal.TIME,
            Refusal.EXPIRED,
            Refusal.TRUST_EXPIRED,
        )


Heeded: TypeAlias = Taken[O] | Again[O] | Ignored | NotObeyed


class _Header(msgspec.Struct, frozen=True):
    fleet: str | None = None
    channel: str | None = None
    device_id: str | None = None
    shard: str | None = None
    epoch: int | None = None
    issued_at: int | None = None
    expires_at: int | None = None


class _Address(msgspec.Struct, frozen=True, kw_only=True):
    """What the topic says; one of them must fit."""

    channel: str | None = None
    device_id: str | None = None
    shard: str | None = None

    def meets(self, header: _Header) -> bool:
        said = (header.channel, header.device_id, header.shard)
        return any(
            wanted is not None and wanted == found
            for wanted, found in zip((self.channel, self.device_id, self.shard), said, strict=True)
        )


class _Refuse(Exception):
    def __init__(self, code: Refusal, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def present_ms(trust: Trust, state: State, now: Now) -> int:
    """Rule 8: the clock if synchronised, else the bound of accepted orders, never past the trust document's expiry."""
    if now.synced:
        return now.wall_ms
    return state.time_bound if trust.expires_at is None else min(state.time_bound, trust.expires_at - 1)


def heed_directive(data: bytes, channel: str, trust: Trust, state: State, now: Now) -> Heeded[Directive]:
    """A payload of the channel's topic."""
    if not data:
        return Ignored()
    try:
        payload = _verified(data, dsse.TYPE_DIRECTIVE, Role.DIRECTIVE, trust)
        _addressed(payload, _Address(channel=channel), trust, state, now)
        order = _decoded(payload, Directive)  # 9 fields
    except _Refuse as why:
        return NotObeyed(why.code, why.detail)
    heard = Heard(epoch=order.epoch, generation=order.generation, payload_sha256=digest_of(payload))
    return _ordered(order, data, heard, state.heard.get(channel))


def heed_assignment(data: bytes, device_id: str, trust: Trust, state: State, now: Now) -> Heeded[Assignment]:
    """A payload of the device's assignment topic."""
    if not data:
        return Ignored()
    try:
        payload = _verified(data, dsse.TYPE_ASSIGNMENT, Role.DIRECTIVE, trust)
        _addressed(payload, _Address(device_id=device_id), trust, state, now)
        order = _decoded(payload, Assignment)
    except _Refuse as why:
        return NotObeyed(why.code, why.detail)
    heard = Heard(epoch=order.epoch, generation=order.number, payload_sha256=digest_of(payload))
    return _ordered(order, data, heard, state.heard_assignment)


def heed_release(data: bytes, digest: str, trust: Trust, state: State) -> Taken[Release] | NotObeyed:
    """A release by its digest; verified again before each switch, since trust may have changed."""
    try:
        payload = _verified(data, dsse.TYPE_RELEASE, Role.RELEASE, trust)
        if digest_of(payload) != digest:
            raise _Refuse(Refusal.ADDRESS, "it is not the release of this digest")
        _same_fleet(_header_of(payload).fleet, trust, state)
        order = _decoded(payload, Release)
    except _Refuse as why:
        return NotObeyed(why.code, why.detail)
    return Taken(order, data, Digest(digest))


def heed_request(
    data: bytes, device_id: str, shard: str, trust: Trust, state: State, now: Now
) -> Taken[Request] | NotObeyed:
    """A request; whether it is meant for this start and new is the caller's question (rule 14)."""
    try:
        payload = _verified(data, dsse.TYPE_REQUEST, Role.DIRECTIVE, trust)
        _addressed(payload, _Address(device_id=device_id, shard=shard), trust, state, now)
        order = _decoded(payload, Request)
    except _Refuse as why:
        return NotObeyed(why.code, why.detail)
    return Taken(order, data, digest_of(payload))


def _verified(data: bytes, payload_type: str, role: Role, trust: Trust) -> bytes:
    if len(data) > wire.ORDER_BYTES_MAX:  # 1 size
        raise _Refuse(Refusal.SIZE, f"{len(data)} bytes, at most {wire.ORDER_BYTES_MAX}")
    try:
        opened = dsse.open_envelope(data)  # 2 envelope
    except dsse.EnvelopeError as why:
        raise _Refuse(Refusal.ENVELOPE, str(why)) from None
    if not holds(trust, role, opened):  # 3 role and threshold
        raise _Refuse(Refusal.SIGNATURE, f"not signed by enough keys of the {role} role of trust {trust.version}")
    if opened.payload_type != payload_type:  # 4 payload type
        raise _Refuse(Refusal.TYPE, f"payload type {opened.payload_type!r}")
    return opened.payload


def _addressed(payload: bytes, address: _Address, trust: Trust, state: State, now: Now) -> None:
    header = _header_of(payload)
    _same_fleet(header.fleet, trust, state)  # 5 fleet
    if not address.meets(header):  # 6 address
        raise _Refuse(Refusal.ADDRESS, f"it is for {header.channel or header.device_id or header.shard!r}")
    if header.epoch != trust.epoch:  # 7 epoch
        raise _Refuse(Refusal.EPOCH, f"epoch {header.epoch}, the trust document says {trust.epoch}")
    _timely(header, trust, state, now)  # 8 time


def _header_of(payload: bytes) -> _Header:
    try:
        return wire.decode(payload, _Header, limit_bytes=wire.ORDER_BYTES_MAX)
    except WireError as why:
        raise _Refuse(Refusal.MALFORMED, str(why)) from None


def _same_fleet(fleet: str | None, trust: Trust, state: State) -> None:
    ours = trust.fleet or state.fleet
    if ours is not None and fleet != ours:
        raise _Refuse(Refusal.FLEET, f"fleet {fleet!r}, this is {ours!r}")


def _timely(header: _Header, trust: Trust, state: State, now: Now) -> None:
    present = present_ms(trust, state, now)
    if now.synced and trust.expired(now.wall_ms):
        raise _Refuse(Refusal.TRUST_EXPIRED, f"trust document {trust.version} has expired")
    if now.synced and header.issued_at is not None and header.issued_at > now.wall_ms + AHEAD_MAX_MS:
        raise _Refuse(Refusal.TIME, "issued more than 24 h ahead of this clock")
    if header.expires_at is not None and header.expires_at <= present:
        raise _Refuse(Refusal.EXPIRED, "it has expired")


def _decoded(payload: bytes, into: type[O]) -> O:
    try:
        return decode_order(payload, into)
    except OrderError as why:
        raise _Refuse(why.code, why.detail) from None


def _ordered(order: O, data: bytes, heard: Heard, before: Heard | None) -> Heeded[O]:
    """Rule 2: higher, or equal to a bound, is taken; equal is the same or an equivocation; lower is ignored."""
    if before is None or (heard.epoch, heard.generation) > (before.epoch, before.generation):
        return Taken(order, data, heard.payload_sha256 or Digest(""))
    if (heard.epoch, heard.generation) < (before.epoch, before.generation):
        return Ignored()
    if before.payload_sha256 is None:
        return Taken(order, data, heard.payload_sha256 or Digest(""))
    if before.payload_sha256 == heard.payload_sha256:
        return Again(order, data)
    return NotObeyed(Refusal.EQUIVOCATION, f"another order bears generation {heard.generation}")

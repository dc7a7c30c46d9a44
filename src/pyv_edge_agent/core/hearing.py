"""Orders that arrive: checked, made durable and nothing else (rule 3). Releases and blobs: content.py."""

from __future__ import annotations

from typing import Final, TypeVar

from pyv_edge_agent.core import events as ev
from pyv_edge_agent.core.aim import held, stands_against
from pyv_edge_agent.core.device import Turn
from pyv_edge_agent.core.effects import Log
from pyv_edge_agent.core.memory import Heard, Memory
from pyv_edge_agent.core.obey import (
    Again,
    NotObeyed,
    Taken,
    heed_assignment,
    heed_directive,
)
from pyvorin_edge import topics
from pyvorin_edge.envelope import EnvelopeError, open_envelope
from pyvorin_edge.identity import Digest
from pyvorin_edge.orders import Assignment, Directive, OrderError, Target, decode_order, golden
from pyvorin_edge.report import Refused
from pyvorin_edge.topics import Kind
from pyvorin_edge.trust import TrustError, advance
from pyvorin_edge.vocabulary import Refusal, RuleKind

D = TypeVar("D", Directive, Assignment)

#: so many refusals are made durable within so long: about one write a minute
REFUSALS_MAX: Final = 64
REFUSALS_SECONDS: Final = 3600.0


def hear(turn: Turn, event: ev.Arrived) -> None:
    """One message, whatever brought it. A topic that is not for this device is passed over."""
    topic = topics.parse(event.topic)
    if topic is None or not event.payload:
        return
    match topic.kind:
        case Kind.CHANNEL:
            _directive(turn, event.topic, topic.name, event.payload)
        case Kind.ASSIGNMENT if topic.name == turn.device.facts.device_id:
            _assignment(turn, event.topic, event.payload)
        case Kind.TRUST:
            _trust(turn, event.topic, event.payload)
        case _:
            return


def enter_epoch(turn: Turn) -> None:
    """Rules 2 and 9: a new epoch begins everything anew. Also asked at start: power may go after the document."""
    state, trust = turn.state, turn.device.trust
    if state.epoch >= trust.epoch:
        return
    assigned = state.heard_assignment
    turn.note(
        epoch=trust.epoch,
        heard={channel: heard for channel, heard in state.heard.items() if heard.epoch >= trust.epoch},
        heard_assignment=assigned if assigned is not None and assigned.epoch >= trust.epoch else None,
        time_bound=0,
        floor=trust.floor,
    )


def recalled_directive(memory: Memory) -> Directive | None:
    """The directive in force, read from its envelope; it was judged when it came (rule 8: it stays in force)."""
    return _recalled(memory.directive, Directive)


def recalled_assignment(memory: Memory) -> Assignment | None:
    """The assignment in force, likewise."""
    return _recalled(memory.assignment, Assignment)


def refuse(turn: Turn, order: str, code: Refusal, detail: str) -> None:
    """Remember the refusal for the reports; the same again changes nothing.

    Each is a write to the card: of one who sends other nonsense each time, only so much is remembered.
    """
    before = turn.state.refused
    recent = tuple(at for at in turn.device.refused_at if turn.up - at < REFUSALS_SECONDS)
    if len(recent) >= REFUSALS_MAX:
        return
    if before is None or (before.order, before.code, before.detail) != (order, code, detail[:500]):
        turn.set(refused_at=(*recent, turn.up))
        turn.note(refused=Refused(order=order, code=code, detail=detail[:500], at=turn.now.wall_ms))
        turn.do(Log("warning", f"refused {order}: {code.sentence}: {detail}"))


def _recalled(data: bytes | None, into: type[D]) -> D | None:
    if data is None:
        return None
    try:
        return decode_order(open_envelope(data).payload, into)
    except (EnvelopeError, OrderError):
        return None  # an agent went back to a version that does not know it: as if it had not come


def _directive(turn: Turn, topic: str, channel: str, data: bytes) -> None:
    device = turn.device
    if channel != device.channel and device.assignment is not None:
        return
    if device.directive is not None and data == turn.memory.directive:
        return  # in force already: not newly accepted, so not refused either, however old it is by now (rule 8)
    heeded = heed_directive(data, channel, device.trust, turn.state, turn.now)
    match heeded:
        case Taken(order=order):
            _take_directive(turn, order, data, heeded.payload_sha256)
        case Again(order=order) if device.directive != order:  # moved away and back, or set aside by a bad disk
            turn.remember(directive=data)
            turn.set(directive=order)
        case NotObeyed():
            _not_obeyed(turn, topic, f"channel/{channel}", heeded)
        case _:
            return


def _take_directive(turn: Turn, order: Directive, data: bytes, payload_sha256: Digest) -> None:
    heard = Heard(epoch=order.epoch, generation=order.generation, payload_sha256=payload_sha256)
    _took(turn, order.issued_at, order.fleet, topics.channel(order.channel))
    turn.note(heard={**turn.state.heard, order.channel: heard})
    turn.remember(directive=data)
    turn.set(directive=order)
    _end_local_choice(turn)
    target = golden(turn.device.facts.device_id, order, turn.device.assignment, held(turn.memory))
    if _is_rollback(target):
        turn.set(report_due=turn.up, told=())  # acknowledged = that generation, settled, running it


def _assignment(turn: Turn, topic: str, data: bytes) -> None:
    device = turn.device
    if device.assignment is not None and data == turn.memory.assignment:
        return
    heeded = heed_assignment(data, device.facts.device_id, device.trust, turn.state, turn.now)
    match heeded:
        case Taken(order=order):
            _take_assignment(turn, order, data, heeded.payload_sha256)
        case Again(order=order) if device.assignment != order:
            turn.remember(assignment=data)
            turn.set(assignment=order)
        case NotObeyed():
            _not_obeyed(turn, topic, "assignment", heeded)
        case _:
            return


def _take_assignment(turn: Turn, order: Assignment, data: bytes, payload_sha256: Digest) -> None:
    _took(turn, order.issued_at, order.fleet, topics.assignment(order.device_id))
    heard = dict(turn.state.heard)
    bound = heard.get(order.channel)
    if bound is None or (bound.epoch, bound.generation) < (order.epoch, order.min_generation):
        heard[order.channel] = Heard(epoch=order.epoch, generation=order.min_generation)
    turn.note(
        heard=heard,
        heard_assignment=Heard(epoch=order.epoch, generation=order.number, payload_sha256=payload_sha256),
    )
    turn.remember(assignment=data)
    turn.set(assignment=order)
    _end_local_choice(turn)


def _took(turn: Turn, issued_at: int, fleet: str, topic: str) -> None:
    expiry = turn.device.trust.expires_at
    bound = max(turn.state.time_bound, issued_at)
    turn.note(time_bound=bound if expiry is None else min(bound, expiry), fleet=turn.state.fleet or fleet)
    turn.set(ask_again=turn.device.ask_again - {topic})


def _end_local_choice(turn: Turn) -> None:
    local = turn.memory.local
    if local is not None and local.against != stands_against(turn.device.directive, turn.device.assignment):
        turn.remember(local=None)


def _is_rollback(target: Target | None) -> bool:
    return target is not None and target.kind is RuleKind.ROLLBACK


def _not_obeyed(turn: Turn, topic: str, order: str, why: NotObeyed) -> None:
    refuse(turn, order, why.code, why.detail)
    if why.ask_again:
        turn.set(ask_again=turn.device.ask_again | {topic})


def _trust(turn: Turn, topic: str, data: bytes) -> None:
    before = turn.device.trust
    try:
        after = advance(before, data)
    except TrustError as why:
        if topic == topics.trust(before.version + 1):
            refuse(turn, f"trust/{before.version + 1}", Refusal.TRUST, str(why))
        return
    turn.remember(trust=(*turn.memory.trust, data))
    turn.set(trust=after)
    enter_epoch(turn)
    turn.do(Log("info", f"trust document {after.version} accepted"))

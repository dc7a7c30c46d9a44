"""Requests: verified, for this very start, once, in time, never retained (PROTOCOL 5, rule 14)."""

from __future__ import annotations

from typing import Final

from pyv_edge_agent.core import events as ev
from pyv_edge_agent.core.answering import respond
from pyv_edge_agent.core.device import Turn
from pyv_edge_agent.core.effects import ReadLogs
from pyv_edge_agent.core.hearing import refuse
from pyv_edge_agent.core.obey import NotObeyed, heed_request
from pyv_edge_agent.core.repairing import remediate
from pyv_edge_agent.core.update import phase_of
from pyvorin_edge import topics, wire
from pyvorin_edge.config.redaction import redact
from pyvorin_edge.identity import spread_delay_seconds
from pyvorin_edge.orders import Request
from pyvorin_edge.topics import Kind
from pyvorin_edge.vocabulary import Phase, Refusal, ResponseOutcome, Verb

SEEN_MAX: Final = 256
LOG_LINES_MAX: Final = 500
#: what a response has besides its body
ENVELOPE_BYTES: Final = 1024


def ask(turn: Turn, event: ev.Arrived) -> bool:
    """Take a message of a request topic; false if it is none."""
    topic = topics.parse(event.topic)
    if topic is None or topic.kind not in (Kind.REQUEST, Kind.SHARD_REQUEST) or not event.payload:
        return False
    device = turn.device
    heeded = heed_request(event.payload, device.facts.device_id, device.shard, device.trust, turn.state, turn.now)
    if isinstance(heeded, NotObeyed):
        refuse(turn, "request", heeded.code, heeded.detail)
        return True
    request = heeded.order
    objection = _objection(turn, event, request)
    if objection is not None:
        refuse(turn, "request", objection, f"{request.verb} {request.request_id}: {objection.sentence}")
        if request.shard is None:
            respond(turn, request.request_id, ResponseOutcome.REFUSED, objection, {})
        return True
    turn.set(requests_seen=(*turn.device.requests_seen, request.request_id)[-SEEN_MAX:])
    _answer(turn, request)
    return True


def logs_read(turn: Turn, event: ev.LogsRead) -> None:
    """The last log lines for a request, as many as fit."""
    lines: list[str] = []
    left = wire.RESPONSE_BYTES_MAX - ENVELOPE_BYTES
    for line in reversed(event.lines):
        left -= len(wire.encode(line)) + 1
        if left < 0:
            break
        lines.insert(0, line)
    respond(turn, event.request_id, ResponseOutcome.DONE, None, {"lines": lines})


def _objection(turn: Turn, event: ev.Arrived, request: Request) -> Refusal | None:
    device = turn.device
    if event.retained:
        return Refusal.RETAINED
    needs_boot_id = request.shard is None or request.verb is not Verb.REPORT
    if (needs_boot_id or request.boot_id is not None) and request.boot_id != device.boot_id:
        return Refusal.OTHER_BOOT
    return Refusal.REPLAYED if request.request_id in device.requests_seen else None


def _answer(turn: Turn, request: Request) -> None:
    match request.verb:
        case Verb.REPORT:
            delay = spread_delay_seconds(turn.device.facts.device_id, request.request_id, 0, request.spread_seconds)
            turn.set(report_due=turn.up + delay)
            if request.shard is None:
                respond(turn, request.request_id, ResponseOutcome.DONE, None, {})
        case Verb.SNAPSHOT:
            _snapshot(turn, request)
        case Verb.LOGS:
            wanted = request.args.get("lines", 100)
            lines = wanted if isinstance(wanted, int) and 0 < wanted <= LOG_LINES_MAX else 100
            turn.do(ReadLogs(request.request_id, lines))
        case Verb.REMEDIATE:
            _remediate(turn, request)


def _snapshot(turn: Turn, request: Request) -> None:
    """The live document without its secrets."""
    live = turn.device.live_document
    body = {"config": redact(live), "live_hash": turn.device.live_hash}
    if live is None:
        respond(turn, request.request_id, ResponseOutcome.FAILED, None, {"detail": "the live file cannot be read"})
    elif len(wire.encode(body)) > wire.RESPONSE_BYTES_MAX - ENVELOPE_BYTES:
        respond(turn, request.request_id, ResponseOutcome.FAILED, None, {"detail": "the live file is too large"})
    else:
        respond(turn, request.request_id, ResponseOutcome.DONE, None, body)


def _remediate(turn: Turn, request: Request) -> None:
    """Rule 14: only over the live file that was seen, and only when nothing is under way."""
    device, committed = turn.device, turn.memory.committed
    if committed is None or phase_of(turn.memory) is not Phase.SETTLED or _is_repaired(turn):
        respond(turn, request.request_id, ResponseOutcome.REFUSED, None, {"detail": "an update is under way"})
    elif "live_hash" not in request.args or request.args["live_hash"] != device.live_hash:
        respond(turn, request.request_id, ResponseOutcome.REFUSED, None, {"detail": "the live file is another by now"})
    else:
        drift = device.drift
        remediate(turn, committed, request.request_id, drift.paths if drift.more == 0 else None)


def _is_repaired(turn: Turn) -> bool:
    return turn.device.remediating is not None or turn.device.hooks.running is not None

"""A device's status in sentences: for someone who stands before it and was not there when it happened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from pyv_edge_agent.cli.options import moment, span
from pyv_edge_agent.core.history import refusal_sentence, result_sentence
from pyvorin_edge.report import Refused, Result
from pyvorin_edge.vocabulary import (
    Cause,
    Clock,
    Happening,
    HealthStatus,
    Outcome,
    Phase,
    RuleKind,
    Standing,
    WaitingFor,
)

_WIDTH = 10


def status_lines(found: Mapping[str, Any]) -> list[str]:
    """One line a fact, each with its name before it."""
    return [f"{name.ljust(_WIDTH)} {text}" for name, text in _facts(found)]


def update_lines(found: Mapping[str, Any]) -> list[str]:
    """The update alone, with its gate and the quarantine."""
    return [f"{name.ljust(_WIDTH)} {text}" for name, text in (*_update(found), *_result(found), *_quarantine(found))]


def history_line(line: Mapping[str, Any]) -> str:
    """One line of the history."""
    doubt = "" if line["synced"] else " (clock not synchronised)"
    more = f" [{line['left_out']} more of these were left out before]" if line.get("left_out") else ""
    kind = Happening(line["kind"])
    return f"{moment(line['at'])}{doubt}  {kind.sentence}: {line['text']}{more}"


def _facts(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    place = found["place"]
    yield "device", f"{found['device_id']}, {_fleet(found, place)}, incarnation {found['incarnation']}"
    yield "agent", _agent(found)
    for problem in found.get("problems", ()):
        yield "problem", problem
    if found.get("trouble"):
        yield "problem", f"nothing can be made durable: {found['trouble']}"
    yield "running", _running(found, place)
    if found["running"]:
        yield "health", _health(found["health"])
        yield "link", "in session with its fleet" if found["connected"] else "not in session with its fleet"
    yield from _update(found)
    yield from _result(found)
    if found["refused"] is not None:
        refused = msgspec.convert(found["refused"], Refused)
        yield "refused", f"{refusal_sentence(refused)}, {moment(refused.at)}"
    yield "drift", _drift(found["drift"])
    yield (
        "held",
        ", ".join(one["version"] + (" (in force)" if one["running"] else "") for one in found["held"]) or "none",
    )
    yield "trust", _trust(found)
    yield from _quarantine(found)
    for line in found.get("history", ()):
        yield "history", history_line(line)


def _fleet(found: Mapping[str, Any], place: Mapping[str, Any]) -> str:
    fleet = f"fleet {found['fleet']}" if found["fleet"] else "of no fleet"
    return f"{fleet}, channel {place['channel']}" if "channel" in place else f"{fleet}, no channel yet"


def _agent(found: Mapping[str, Any]) -> str:
    if found["running"]:
        doubt = "" if found["clock"] == Clock.SYNCED else f"; {Clock.UNSYNCED.sentence}"
        return f"runs, version {found['agent_version']}, start {found['boot']}{doubt}"
    return f"DOES NOT ANSWER; this is what its state directory says after start {found['boot']}"


def _running(found: Mapping[str, Any], place: Mapping[str, Any]) -> str:
    release = f"release {place['release']}" if "release" in place else "the provisioned config"
    order = f", by generation {place['generation']}" if place.get("generation") else ""
    return release + order + (f"; {found['by_hand']} was chosen by hand" if found["by_hand"] else "")


def _health(document: Mapping[str, Any]) -> str:
    status = HealthStatus(document.get("status", HealthStatus.UNKNOWN))
    reasons = "; ".join(map(str, document.get("reasons", ())))
    return f"{status}: {status.sentence}" + (f" ({reasons})" if reasons else "")


def _update(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    update = found["update"]
    phase = Phase(update["phase"])
    if update["target"] is None:
        yield "update", f"{phase}: {phase.sentence}"
        return
    verb = "back to" if update["kind"] == RuleKind.ROLLBACK else "to"
    name = update["target_version"] or update["target"][:12]
    waits = f"; {WaitingFor(update['waiting_for']).sentence}" if update["waiting_for"] else ""
    if update["waiting_for"] == WaitingFor.LOCK and update.get("lock_holder"):
        waits += f": {update['lock_holder']}"
    yield "update", f"{verb} {name}, attempt {update['attempt']}: {phase}, {phase.sentence}{waits}"
    if update["since_seconds"] is not None:
        due = f", looked at again in {span(update['due_seconds'])}" if update["due_seconds"] is not None else ""
        yield "since", f"{span(update['since_seconds'])}{due}"
    gate = update["gate"]
    if gate is not None:
        good = gate["good_for_seconds"]
        held = (
            f"good for {span(good)} of {gate['hold_seconds']} s" if good is not None else f"not good: {gate['missing']}"
        )
        yield "gate", f"within {gate['within_seconds']} s; {held}"
    if update["starts"]:
        yield "starts", f"{update['starts']} since the switch; the fourth ends it"


def _result(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if found["result"] is None:
        yield "last", "no update has ended here yet"
        return
    result = msgspec.convert(found["result"], Result)
    loud = "" if result.outcome in (Outcome.COMMITTED, Outcome.SUPERSEDED) else f"{result.outcome.upper()}: "
    yield "last", f"{loud}{result_sentence(result)}, {moment(result.at)}"


def _drift(drift: Mapping[str, Any]) -> str:
    standing = Standing(drift["standing"])
    since = f" since {moment(drift['since'])}" if drift.get("since") else ""
    paths = ", ".join(path or "the document" for path in drift["paths"][:4])
    return f"{standing}: {standing.sentence}{since}" + (f" ({paths})" if paths else "")


def _trust(found: Mapping[str, Any]) -> str:
    until = found["trust_expires_at"]
    bound = f", until {moment(until)}" if until is not None else ""
    return f"document {found['trust']}, epoch {found['epoch']}, floor {found['floor']}{bound}"


def _quarantine(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for line in found["update"]["quarantine"]:
        again = f"; next try in {span(line['retry_seconds'])}" if line["retry_seconds"] is not None else ""
        name = line["version"] or line["release"][:12]
        cause = Cause(line["code"]).sentence
        tries = f" after {line['tries']} tries" if line["tries"] > 1 else ""
        yield "barred", f"{name}: {line['outcome']}{tries}, {cause}; {line['until']}{again}"

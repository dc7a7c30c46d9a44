"""What a step of the device's core is worth remembering for the person who stands before it a year later."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec.structs import replace

from pyv_edge_agent.core.device import Device
from pyv_edge_agent.core.events import Now
from pyv_edge_agent.core.memory import Memory
from pyv_edge_agent.core.update import phase_of
from pyvorin_edge.report import Refused, Result
from pyvorin_edge.vocabulary import Happening, Phase

TEXT_LETTERS_MAX: Final = 400
#: lines of one kind in an hour; a link that flaps must not push the year's updates out of the file
KIND_LINES_MAX: Final = 30
HOUR_MS: Final = 3600 * 1000


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a device's history."""

    #: counts lines for ever, so that a reader knows what it has seen
    n: int = 0
    #: Unix ms by the device's clock
    at: int
    #: whether that clock could be believed
    synced: bool
    #: the agent's start that it happened in
    boot: int
    #: seconds since that start
    uptime_seconds: float
    kind: Happening
    #: for people; names and causes, never a value of a config
    text: str
    release: str | None = None
    #: machine boot id, or the word of a result or refusal
    word: str | None = None
    #: lines of this kind that were left out before this one
    left_out: int = 0


class Recent(msgspec.Struct, frozen=True):
    """When lines of one kind were written within the last hour, and how many were left out since."""

    at: tuple[int, ...] = ()
    left_out: int = 0


def lines(before: Device, after: Device, now: Now) -> tuple[Line, ...]:
    """What happened between two moments of a device, in the order in which a person tells it."""
    if before.memory is after.memory and before.connected == after.connected and before.drift is after.drift:
        return ()
    said = (
        *_starts(before, after),
        *_orders(before, after),
        *_by_hand(before.memory, after.memory),
        *_update(before, after),
        *_drift(before, after),
        *_link(before, after),
    )
    return tuple(
        Line(
            at=now.wall_ms,
            synced=now.synced,
            boot=after.memory.state.boot,
            uptime_seconds=round(now.uptime_seconds, 1),
            kind=kind,
            text=text[:TEXT_LETTERS_MAX],
            release=release,
            word=word,
        )
        for kind, text, release, word in said
    )


def settles(found: tuple[Line, ...]) -> bool:
    """Whether what happened is worth an fsync: an update's end, and a person's choice."""
    return any(line.kind in (Happening.RESULT, Happening.BY_HAND, Happening.ENROLLED) for line in found)


def thinned(recent: dict[Happening, Recent], line: Line) -> tuple[dict[Happening, Recent], Line | None]:
    """At most so many lines of a kind in an hour; what is left out is counted, and told by the next that is written.

    Results and choices by hand are never left out.
    """
    known = recent.get(line.kind, Recent())
    # a clock that was set back must not silence a kind for ever: what lies ahead counts no more
    at = tuple(moment for moment in known.at if 0 <= line.at - moment < HOUR_MS)
    if len(at) >= KIND_LINES_MAX and line.kind not in (Happening.RESULT, Happening.BY_HAND):
        return {**recent, line.kind: Recent(at, known.left_out + 1)}, None
    kept = Recent((*at, line.at)[-KIND_LINES_MAX:])
    return {**recent, line.kind: kept}, replace(line, left_out=known.left_out)


_Said = tuple[Happening, str, str | None, str | None]


def _starts(before: Device, after: Device) -> Iterator[_Said]:
    if before.boot_id == after.boot_id:
        return
    state = after.memory.state
    if before.memory.state.boot == 0:
        fleet = f"fleet {state.fleet}" if state.fleet else "no fleet"
        yield Happening.ENROLLED, f"{after.facts.device_id} of {fleet}, incarnation {state.incarnation}", None, None
    running = after.memory.committed
    version = running.version if running is not None and running.version is not None else "the provisioned config"
    text = f"start {state.boot}, agent {after.facts.agent_version}, running {version}"
    yield Happening.STARTED, text, running.release if running is not None else None, after.machine_boot_id or None


def _orders(before: Device, after: Device) -> Iterator[_Said]:
    if after.trust.version != before.trust.version:
        yield Happening.TRUST, f"trust document {after.trust.version}, epoch {after.trust.epoch}", None, None
    order, assigned = after.directive, after.assignment
    if order is not None and order != before.directive:
        text = f"generation {order.generation} of channel {order.channel}: {order.reason} ({order.issued_by})"
        yield Happening.DIRECTIVE, text, None, None
    if assigned is not None and assigned != before.assignment:
        text = f"number {assigned.number}: channel {assigned.channel} ({assigned.issued_by})"
        yield Happening.ASSIGNMENT, text, assigned.pin.release if assigned.pin is not None else None, None
    refused = after.memory.state.refused
    if refused is not None and refused != before.memory.state.refused:
        yield Happening.REFUSED, refusal_sentence(refused), None, refused.code.value


def refusal_sentence(refused: Refused) -> str:
    """A refusal as a person reads it."""
    return f"{refused.order}: {refused.code.sentence} ({refused.detail})"


def _by_hand(before: Memory, after: Memory) -> Iterator[_Said]:
    if after.local == before.local:
        return
    if after.local is None:
        yield Happening.BY_HAND, "the choice by hand ended: other orders came", None, None
        return
    chosen = next((o for o in (after.committed, *after.previous) if o and o.release == after.local.release), None)
    version = chosen.version if chosen is not None else None
    yield Happening.BY_HAND, f"go back to {version or 'the provisioned config'}", after.local.release, None


def _update(before: Device, after: Device) -> Iterator[_Said]:
    result = after.memory.state.result
    if result is not None and result != before.memory.state.result:
        yield Happening.RESULT, result_sentence(result), result.release, result.outcome.value
    was, trial = before.memory.trial, after.memory.trial
    if trial is None:
        return
    target = trial.target
    if was is None or not was.target.same_as(target):
        yield Happening.ORDERED, f"release {target.release[:12]}, attempt {target.attempt}", target.release, None
    phase = phase_of(after.memory)
    if phase is phase_of(before.memory):
        return
    if phase is Phase.SWITCHING:
        version = trial.staged.version if trial.staged is not None else None
        yield Happening.SWITCHING, f"release {version or target.release[:12]}", target.release, None
    elif phase is Phase.REVERTING:
        cause = f"{trial.code.sentence}: {trial.detail}" if trial.code is not None else trial.detail
        yield Happening.REVERTING, f"from {target.release[:12]}: {cause}", target.release, trial.code


def result_sentence(result: Result) -> str:
    """An update's end as a person reads it."""
    cause = f"; {result.code.sentence}" if result.code is not None else ""
    detail = f" ({result.detail})" if result.detail else ""
    return f"release {result.release[:12]}, attempt {result.attempt}: {result.outcome.sentence}{cause}{detail}"


def _drift(before: Device, after: Device) -> Iterator[_Said]:
    was, found = before.drift, after.drift
    if found.kinds and not was.kinds:
        paths = ", ".join(path or "the document" for path in found.paths[:8])
        more = f" and {len(found.paths) - 8 + found.more} more" if len(found.paths) > 8 else ""
        kinds = ", ".join(kind.sentence for kind in found.kinds)
        yield Happening.DRIFT, kinds + (f": {paths}{more}" if paths else ""), None, found.kinds[0].value
    elif was.kinds and not found.kinds:
        yield Happening.DRIFT_OVER, "the live config is again what was applied", None, None


def _link(before: Device, after: Device) -> Iterator[_Said]:
    if after.connected and not before.connected:
        yield (
            Happening.ONLINE,
            f"connection {after.conn}{' by the link on trial' if after.on_candidate else ''}",
            None,
            None,
        )
    elif before.connected and not after.connected:
        held = "" if after.connected_at is None else f" after {after.uptime - after.connected_at:.0f} s"
        yield Happening.OFFLINE, f"connection {after.conn} ended{held}", None, None
    link = after.memory.state.link
    if link is not None and link != before.memory.state.link:
        yield Happening.LINK, f"the fleet is at {', '.join((*link.mqtt, *link.http)) or 'no address'}", None, None

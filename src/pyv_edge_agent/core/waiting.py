"""What a target waits for before its first byte is fetched: settling, window, clock, turn or spread (rules 5, 8, 12).

Activation has a window of its own, asked when all lies ready (activating.py).
The turn comes last: a device says that it waits for its turn only when nothing of its own stands in the way, so that
none is given to a device that could not use it.
"""

from __future__ import annotations

from pyv_edge_agent.core.device import Device
from pyv_edge_agent.core.events import Now
from pyv_edge_agent.core.memory import Trial
from pyv_edge_agent.core.windows import is_open
from pyvorin_edge.identity import spread_delay_seconds
from pyvorin_edge.orders import WindowSpan
from pyvorin_edge.turns import lacks_turn
from pyvorin_edge.vocabulary import RuleKind, WaitingFor


def waits_for(device: Device, trial: Trial, now: Now) -> tuple[WaitingFor | None, float | None]:
    """What it waits for (none = nothing), and the remaining spread in seconds once that has begun to run."""
    rollback = trial.target.kind is RuleKind.ROLLBACK
    running = device.memory.committed.release if device.memory.committed is not None else None
    if not rollback and running is not None and now.uptime_seconds < settled_at(device):
        return WaitingFor.SETTLE, None
    if not rollback:
        closed = begin_closed(device, trial, now)
        if closed is not None:
            return closed, None
    if lacks_turn(trial.target, device.assignment, running):
        locked = device.lock.holder is not None and not device.lock.passed
        return WaitingFor.LOCK if locked else WaitingFor.TURN, None
    left = _spread_left(device, trial, rollback, now)
    return (WaitingFor.SPREAD, left) if left > 0 else (None, left)


def settled_at(device: Device) -> float:
    """Rule 12: uptime when `settle_seconds` after connecting are over, connected or not: a later connect adds none."""
    if device.connected_at is None:
        return 0.0
    return min(device.connected_at, device.phase_since) + device.pace.settle_seconds


def begin_closed(device: Device, trial: Trial, now: Now) -> WaitingFor | None:
    """Whether the download window bars the way. A turn is for the whole work, so then both windows must be open."""
    window = device.directive.window if device.directive is not None else None
    if window is None:
        return None
    spans = (window.download, window.activate) if trial.target.turn else (window.download,)
    return next((closed for span in spans if (closed := _closed(device, span, now)) is not None), None)


def activation_closed(device: Device, now: Now) -> WaitingFor | None:
    """Whether the activation window bars the way of what lies ready."""
    window = device.directive.window if device.directive is not None else None
    return None if window is None else _closed(device, window.activate, now)


def _closed(device: Device, span: WindowSpan | None, now: Now) -> WaitingFor | None:
    if span is None:
        return None
    if not now.synced:
        return WaitingFor.CLOCK
    tz = device.assignment.tz if device.assignment is not None else "UTC"
    return None if is_open(span, tz, now.wall_ms) else WaitingFor.WINDOW


def _spread_left(device: Device, trial: Trial, rollback: bool, now: Now) -> float:
    """Rule 5: the device's own delay, counted in uptime; the remainder is kept, so a restart does not roll again.

    A refreshed order may shorten it.
    """
    target = trial.target
    spread = 0 if target.turn and not rollback else target.spread_seconds  # turns take the spread's place
    if rollback:
        spread = min(spread, device.facts.limits.rollback_spread_seconds)
    if trial.spread_left_seconds is None:
        return float(spread_delay_seconds(device.facts.device_id, target.release, target.attempt, spread))
    passed = 0.0 if device.spread_began is None else now.uptime_seconds - device.spread_began
    return max(0.0, min(trial.spread_left_seconds - passed, float(spread)))

"""The hourly full check: what inotify did not tell is found all the same (PROTOCOL 7)."""

from __future__ import annotations

from typing import Final

from pyv_edge_agent.core.device import Device, Turn
from pyv_edge_agent.core.effects import LookAtLive

NEVER: Final = float("inf")


def press(turn: Turn) -> None:
    """Look at all that may drift, if the last full check is so long ago."""
    if turn.up >= check_at(turn.device):
        turn.set(checked_at=turn.up)
        turn.do(LookAtLive())


def check_at(device: Device) -> float:
    """Uptime of the next full check; never before the start has been counted."""
    return device.checked_at + device.facts.limits.full_check_seconds if device.boot_id else NEVER

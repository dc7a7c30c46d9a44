"""Whether the agent's threads still turn: by when each must be heard of again, and who is stuck."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

#: How long a thread may be silent beyond what it said it would be. Longer than a slow card takes for a bundle.
PATIENCE_SECONDS: Final = 120.0


class Part(StrEnum):
    """A thread without which the agent does no real work."""

    UPDATER = "updater"
    SENSORS = "sensors"
    UPLOADER = "uploader"


class Look(msgspec.Struct, frozen=True):
    """What one look found."""

    #: silent for too long, at this look
    overdue: frozenset[Part] = frozenset()
    #: at this look and at the one before
    stuck: frozenset[Part] = frozenset()


def look(due: Mapping[Part, float], now: float, before: Look, patience_seconds: float = PATIENCE_SECONDS) -> Look:
    """Judge by when each part said that it would be back (seconds on the clock of `now`).

    One look is not enough: a machine that was stopped for minutes and goes on finds every part late, once.
    """
    overdue = frozenset(part for part, at in due.items() if now > at + patience_seconds)
    return Look(overdue=overdue, stuck=overdue & before.overdue)

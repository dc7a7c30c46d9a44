"""The exit codes of `pyv-edge-agent`, for whatever starts it."""

from __future__ import annotations

import enum
from typing import Self


class Exit(enum.IntEnum):
    """A member is the code; `sentence` says what it means to a person."""

    sentence: str

    def __new__(cls, value: int, sentence: str = "") -> Self:
        code = int.__new__(cls, value)
        code._value_ = value
        code.sentence = sentence
        return code

    DONE = 0, "done; `run`: it was asked to end, and nothing that was queued is lost"
    FAILED = 1, "it failed; one line on standard error says why and what to do"
    USAGE = 2, "wrong usage: an option or argument that cannot be"
    AMISS = (
        3,
        "`health`: the agent is not healthy; `drift`: the config drifted; `apply --check`: it would change something",
    )
    BUSY = 4, "`run`: another agent runs on the same state directory; `apply`: the parcel was refused, it says why"
    STUCK = 5, "what was named is not on this device; `run`: its watchdog ended it, for a part was stuck: see the log"
    UNSECURED = (
        6,
        "it cannot be done as things stand (`apply`: the orders are not newer than those in force, or not for this "
        "device); `run`: its queue was not closed in time, a second may be lost",
    )
    UPDATE_FAILED = 7, "the update that was waited for did not commit"
    TIMED_OUT = 8, "it took too long: the update that was waited for, or an agent that hangs"
    # what 4, 5 and 6 mean to every command but `run`: the same numbers as `pyv-fleet`'s
    REFUSED = 4
    NOT_FOUND = 5
    CONFLICT = 6

"""Which of a device's words count, in what order, and when its silence does (PROTOCOL 6). Pure."""

from __future__ import annotations

from typing import NamedTuple

from pyv_fleet.core.words import Hearing


class Position(NamedTuple):
    """Where a word stands in what a device says: ordered by (incarnation, boot, seq)."""

    incarnation: int
    boot: int
    boot_id: str
    seq: int


class Previous(NamedTuple):
    """The start before the present one, and the last that was heard of it."""

    boot_id: str
    seq: int


def hear_report(known: Position, previous: Previous, said: Position, *, silent: bool) -> Hearing:
    """Whether a report counts. `silent`: the start that is known has been silent for three intervals.

    A lower or equal boot with another boot_id is a clone or a restored card: set aside, and taken over once the other
    fell silent. What a broker delivers again after a lost acknowledgement is neither.
    """
    if said.incarnation != known.incarnation:
        return Hearing.TAKEN if said.incarnation > known.incarnation else Hearing.LATE
    if said.boot_id == known.boot_id:
        return Hearing.TAKEN if (said.boot, said.seq) > (known.boot, known.seq) else Hearing.LATE
    if said.boot > known.boot:
        return Hearing.TAKEN
    if said.boot_id == previous.boot_id and said.seq <= previous.seq:
        return Hearing.LATE
    return Hearing.TAKEN if silent else Hearing.SET_ASIDE


def hear_beat(known: Position, boot: int, seq: int) -> Hearing:
    """Whether a beat counts: only of the boot that a report made known. A higher one asks for a report."""
    if boot > known.boot:
        return Hearing.UNKNOWN_BOOT
    return Hearing.TAKEN if boot == known.boot and seq > known.seq else Hearing.LATE


def is_lost(last_seen_ms: int | None, listening_since_ms: int, now_ms: int, lost_after_seconds: float) -> bool:
    """Whether a silence is loss; it does not count while the controller itself did not listen."""
    heard = max(last_seen_ms or 0, listening_since_ms)
    return now_ms - heard > lost_after_seconds * 1000

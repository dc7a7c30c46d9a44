"""How a simulated value leaves its base: functions of time alone, so that readings do not depend on how one asks."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

import msgspec

from pyvorin_edge.vocabulary import Drifting

DAY_SECONDS: Final = 86400.0
_HOUR_SECONDS: Final = 3600.0
#: A walk is laid out over 2^LEVELS seconds (34 years) and halved down to one second.
_LEVELS: Final = 30


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """One item of a simulator's `drift`; several add up."""

    model: Drifting
    per_hour: float = 0.0
    amplitude: float = 0.0
    period_seconds: float = DAY_SECONDS
    probability: float = 0.0
    after_seconds: float = 0.0

    @classmethod
    def from_document(cls, said: Mapping[str, Any]) -> Self:
        """From a validated document."""
        return cls(**{**said, "model": Drifting(said["model"])})


class Chance:
    """Chance without state: a hash of seed, name and what is asked for."""

    def __init__(self, seed: int, name: str) -> None:
        self._root = f"{seed}\0{name}".encode()

    def uniform(self, *what: int | str) -> float:
        """Between 0 and 1, both left out."""
        return self._two(what)[0]

    def normal(self, *what: int | str) -> float:
        """Normal with mean 0 and deviation 1."""
        one, two = self._two(what)
        return math.sqrt(-2 * math.log(one)) * math.cos(2 * math.pi * two)  # Box and Muller

    def _two(self, what: tuple[int | str, ...]) -> tuple[float, float]:
        moment = self._root + b"\0" + "\0".join(map(str, what)).encode()
        drawn = hashlib.blake2b(moment, digest_size=16).digest()
        one, two = ((int.from_bytes(half) + 1) / (2**64 + 1) for half in (drawn[:8], drawn[8:]))
        return one, two


def offset_at(drifts: Sequence[Drift], uptime_seconds: float, chance: Chance) -> float:
    """What all of them add to the base at that moment."""
    return sum(_offset(drift, index, uptime_seconds, chance) for index, drift in enumerate(drifts))


def stuck_at(drifts: Sequence[Drift], uptime_seconds: float) -> float:
    """The moment whose value shows: that of the first `stuck` which has begun, else this one."""
    begun = [one.after_seconds for one in drifts if one.model is Drifting.STUCK and one.after_seconds <= uptime_seconds]
    return min(begun, default=uptime_seconds)


def _offset(drift: Drift, index: int, uptime_seconds: float, chance: Chance) -> float:
    match drift.model:
        case Drifting.LINEAR:
            return drift.per_hour * uptime_seconds / _HOUR_SECONDS
        case Drifting.WALK:
            return drift.per_hour / math.sqrt(_HOUR_SECONDS) * _walk(uptime_seconds, index, chance)
        case Drifting.CYCLE:
            return drift.amplitude * math.sin(2 * math.pi * uptime_seconds / drift.period_seconds)
        case Drifting.SPIKE:
            hit = chance.uniform("spike", index, round(uptime_seconds * 1000)) < drift.probability
            return drift.amplitude if hit else 0.0
        case Drifting.STEP:
            return drift.amplitude if uptime_seconds >= drift.after_seconds else 0.0
        case Drifting.STUCK:
            return 0.0


def _walk(uptime_seconds: float, index: int, chance: Chance) -> float:
    """Brownian motion at a moment, by Lévy's halving: each middle is the mean of its ends and a chance of its own."""
    length = float(2**_LEVELS)
    moment = min(uptime_seconds, length)
    begin, low, high = 0.0, 0.0, chance.normal("walk", index, "end") * math.sqrt(length)
    while length > 1.0:
        length /= 2
        middle = (low + high) / 2 + chance.normal("walk", index, int(begin + length)) * math.sqrt(length / 2)
        if moment < begin + length:
            high = middle
        else:
            begin, low = begin + length, middle
    return low + (high - low) * (moment - begin) / length

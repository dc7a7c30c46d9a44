"""Evidence that a wave does worse than its control, valid at every look: a bet on who comes next.

Devices stand in an order that says nothing of their group if the release changes nothing: who became unhealthy first,
or whose figure is worst. Which of them are in the wave was drawn by the rollout's salt, so the next in the order is of
the wave with probability w / (w + c), w and c being how many of each have not come yet: drawing without replacement. A
bet that each device of the wave is `odds` times as likely to come next multiplies by a factor whose mean is 1. The mean
of such bets over ODDS is a martingale that starts at 1, so it ever reaches 1/alpha with probability alpha at most
(Ville's inequality), however often one looks and whenever one stops. It is the safe log-rank test of Grünwald, Ly,
Perez-Ortiz and ter Schure, with the draw of the wave in the place of their model.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import msgspec

#: how many times as likely a device of the wave is to come next; bets on all, in equal parts
ODDS: Final = (1.5, 2.0, 4.0, 8.0, 16.0, 32.0)
#: beyond this nobody reads on
CERTAIN: Final = 1e12


class Race(msgspec.Struct, frozen=True):
    """How the bets stand after those who came."""

    #: devices of each group that have not come yet
    wave: int
    control: int
    #: what each bet is worth, one for each of ODDS
    bets: tuple[float, ...] = (1.0,) * len(ODDS)
    #: the highest that their mean ever was: evidence against chance is 1 in this
    strongest: float = 1.0


def onwards(race: Race, comers: Iterable[bool]) -> Race:
    """After the next ones in order; true = of the wave. More of a group than there are is the caller's mistake."""
    wave, control, bets, strongest = race.wave, race.control, list(race.bets), race.strongest
    for of_wave in comers:
        if strongest >= CERTAIN:
            break
        left = wave + control
        for at, odds in enumerate(ODDS):
            bets[at] *= left / (odds * wave + control) * (odds if of_wave else 1.0)
        strongest = max(strongest, sum(bets) / len(bets))
        wave, control = wave - of_wave, control - (not of_wave)
    return Race(wave, control, tuple(bets), strongest)


@lru_cache(maxsize=1024)
def strongest_possible(wave: int, control: int) -> float:
    """What groups of this size can show at most: every device of the wave comes before any of the control."""
    return onwards(Race(wave, control), (True for _ in range(wave))).strongest

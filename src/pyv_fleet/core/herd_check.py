"""What a plan says of a channel's herd: how many turns follow each other, and what speaks against it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pyv_fleet.core.estimate import TAKING_SECONDS
from pyv_fleet.core.policy import Herd
from pyv_fleet.core.spans import length_seconds
from pyv_fleet.core.views import CheckView
from pyvorin_edge.orders import Window

NAME = "herd"


def herd_check(
    herd: Herd | None, values: Sequence[str | None], rounds: int, window: Window | None, unable: Sequence[str]
) -> CheckView:
    """`values` of its label by device, `rounds` over all waves, `unable`: devices whose agents know no turns."""
    if herd is None:
        return CheckView(name=NAME, good=True, detail="none: all of a wave's devices at once")
    against = [
        one for one in (_of_agents(unable), _of_label(herd, values), _of_window(rounds, window)) if one is not None
    ]
    return CheckView(name=NAME, good=not against, detail="; ".join([_course(herd, values, rounds), *against]))


def _course(herd: Herd, values: Sequence[str | None], rounds: int) -> str:
    counts = Counter(values)
    groups = "1 group" if len(counts) == 1 else f"{len(counts)} groups, the largest"
    turns = "1 turn" if rounds == 1 else f"{rounds} turns one after the other"
    return f"{herd}: {groups} of {max(counts.values(), default=0)} devices, {turns} at least"


def _of_agents(unable: Sequence[str]) -> str | None:
    if not unable:
        return None
    more = f" and {len(unable) - 1} more" if len(unable) > 1 else ""
    return f"the agents of {unable[0]}{more} know no turns and refuse these orders: no herd until they are updated"


def _of_label(herd: Herd, values: Sequence[str | None]) -> str | None:
    if herd.label is None or None not in values:
        return None
    without = values.count(None)
    who = "no device has" if without == len(values) else f"{without} of {len(values)} devices have no"
    return f"{who} label {herd.label}: they are one group, {herd.at_once} of them at once"


def _of_window(rounds: int, window: Window | None) -> str | None:
    """Who is let in by turns may need more than one night."""
    spans = [] if window is None else [one for one in (window.activate, window.download) if one is not None]
    if not spans:
        return None
    within = max(1, min(length_seconds(one) for one in spans) // TAKING_SECONDS)
    nights = -(-rounds // within)
    return None if nights == 1 else f"a window holds about {within} of these turns: it takes {nights} windows"

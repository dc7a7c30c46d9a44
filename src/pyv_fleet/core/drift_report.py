"""Drift and lag of many devices in sums: by channel, group, kind and key path."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

import msgspec

from pyv_fleet.core.views.drift import DriftCount
from pyvorin_edge.vocabulary import DriftKind, LagKind, Standing

KEYS_MAX: Final = 100
_ORDER: Final = ("fleet", "channel", "group", "kind", "key")


class Stand(msgspec.Struct, frozen=True):
    """How one device stands."""

    channel: str
    groups: tuple[str, ...]
    standing: Standing
    lag: LagKind | None
    kinds: tuple[DriftKind, ...]
    paths: tuple[str, ...]


class Sums:
    """Adds devices up, one at a time: so that a large fleet is never held whole."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], Counter[str]] = {("fleet", ""): Counter()}

    def add(self, one: Stand) -> None:
        """One device more."""
        words = ["devices", one.standing.value] + ([one.lag.value] if one.lag else [])
        rows = [("fleet", ""), ("channel", one.channel), *(("group", name) for name in one.groups)]
        if one.standing in (Standing.DRIFTED, Standing.BOTH):
            rows += [("kind", kind.value) for kind in one.kinds]
            rows += [("key", path or "the document") for path in one.paths]
        for row in rows:
            self._counts.setdefault(row, Counter()).update(words)

    def rows(self) -> tuple[tuple[DriftCount, ...], int]:
        """All of them in the order of a report, and how many key paths were left out."""
        made = [DriftCount(by=by, name=name, **dict(counted)) for (by, name), counted in self._counts.items()]
        made.sort(key=lambda row: (_ORDER.index(row.by), -row.devices if row.by in ("kind", "key") else 0, row.name))
        keys = [row for row in made if row.by == "key"]
        left_out = set(map(id, keys[KEYS_MAX:]))
        return tuple(row for row in made if id(row) not in left_out), len(left_out)


def report_of(stands: Iterable[Stand]) -> tuple[DriftCount, ...]:
    """The rows of all these."""
    sums = Sums()
    for one in stands:
        sums.add(one)
    return sums.rows()[0]

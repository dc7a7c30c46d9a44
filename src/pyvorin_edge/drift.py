"""Drift and lag, compared (PROTOCOL 7): live against applied, applied against golden; by key path."""

from __future__ import annotations

from typing import Any

from pyvorin_edge.canonical import canonical_bytes, join_pointer
from pyvorin_edge.orders import Target
from pyvorin_edge.vocabulary import DriftKind, Standing


def standing(
    *, applied_hash: str | None, live_hash: str | None, kinds: tuple[DriftKind, ...], lagging: bool | None
) -> Standing:
    """One word for drift and lag together; what is not known is `unknown`, never drift.

    `lagging` is none while golden is unknown. A live file that cannot be read at all is drifted when a kind says so.
    """
    if applied_hash is None or (live_hash is None and not kinds):
        return Standing.UNKNOWN
    drifted = bool(kinds)
    match drifted, lagging:
        case True, True:
            return Standing.BOTH
        case True, _:
            return Standing.DRIFTED
        case False, True:
            return Standing.LAGGING
        case False, False:
            return Standing.IN_STEP
        case _:
            return Standing.UNKNOWN


def lags(committed: Target | None, wanted: Target | None) -> bool | None:
    """Whether what was applied is not golden, by (release, overlay); none while golden is unknown."""
    if wanted is None:
        return None
    return not wanted.same_as(committed)


def differing_paths(one: Any, other: Any, pointer: str = "") -> tuple[str, ...]:
    """JSON Pointers, sorted, at which two documents differ: leaves, and arrays element by element. Never values."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted(one.keys() | other.keys())
        found: list[str] = []
        for key in keys:
            here = join_pointer(pointer, key)
            if key not in one or key not in other:
                found.append(here)
            else:
                found.extend(differing_paths(one[key], other[key], here))
        return tuple(found)
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return tuple(
            path
            for index, (left, right) in enumerate(zip(one, other, strict=True))
            for path in differing_paths(left, right, join_pointer(pointer, str(index)))
        )
    return () if canonical_bytes(one) == canonical_bytes(other) else (pointer,)

"""Drift as devices report it: in words, whether one that should be healed is not, whether its alert was answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pyvorin_edge.vocabulary import Connectivity, DriftKind, DriftPolicy, Phase, Standing

UNHEALED_SECONDS: Final = 180
"""A device heals at once, and tries again after a minute: what is still drifted then, it has given up."""
PATHS_SHOWN: Final = 5
DRIFTED: Final = (Standing.DRIFTED, Standing.BOTH)


def drift_words(kinds: Sequence[DriftKind], paths: Sequence[str], more: int = 0) -> str:
    """Its kinds and where it is, `edited: /a, /b and 3 more`; `more` paths are not among these."""
    what = ", ".join(kind.value for kind in kinds) or "drifted"
    where = ", ".join(paths[:PATHS_SHOWN])
    others = len(paths) - PATHS_SHOWN + more
    return what + (f": {where}" if where else "") + (f" and {others} more" if others > 0 else "")


def policy_of(own: DriftPolicy | None, channel: DriftPolicy) -> DriftPolicy:
    """What a device obeys: its groups' policy, else its channel's."""
    return channel if own is None else own


def unhealed(
    *,
    policy: DriftPolicy,
    standing: Standing,
    kinds: tuple[DriftKind, ...],
    phase: Phase | None,
    connectivity: Connectivity,
    since_ms: int,
    now_ms: int,
) -> bool:
    """Whether a device that is to heal itself has not: the same key came back three times, or the file cannot be
    written. Only an edit is healed, and never while an update is under way; who is away is not blamed."""
    if policy is not DriftPolicy.REMEDIATE or standing not in DRIFTED or DriftKind.EDITED not in kinds:
        return False
    if phase is not Phase.SETTLED or connectivity is not Connectivity.ONLINE:
        return False
    return now_ms - since_ms > UNHEALED_SECONDS * 1000


def answered(*, standing: Standing, raised_at: int, reported_at: int | None) -> bool:
    """Whether the device itself said later that it has not drifted. What it said before, or never, is no answer."""
    later = reported_at is not None and reported_at > raised_at
    return later and standing in (Standing.IN_STEP, Standing.LAGGING)

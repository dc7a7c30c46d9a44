"""What of a device's word is worth a line in its history, and how long a line is kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from pyv_fleet.core.healing import drift_words
from pyv_fleet.core.words import Happening
from pyvorin_edge.vocabulary import Connectivity, DriftKind, HealthStatus, Outcome, Phase, Standing, WaitingFor

LANDMARKS: Final = frozenset(
    {
        Happening.AGENT,
        Happening.DRIFT,
        Happening.REFUSED,
        Happening.RELEASE,
        Happening.RESULT,
        Happening.ROLLOUT,
    }
)
"""What stays when a history is thinned: a phase of a year ago tells nothing, how the update ended does."""
DAY_MS: Final = 86_400_000


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """A device at one moment, of what its history speaks of."""

    connectivity: Connectivity
    boot_id: str
    agent_version: str | None
    generation: int
    number: int
    phase: Phase | None
    waiting_for: WaitingFor | None
    running_release: str | None
    running_version: str | None
    result_release: str | None
    result_attempt: int | None
    result_outcome: Outcome | None
    result_code: str | None
    result_detail: str | None
    standing: Standing
    drift_kinds: tuple[DriftKind, ...]
    drift_paths: tuple[str, ...]
    health_status: HealthStatus
    refused: str | None


class Line(msgspec.Struct, frozen=True):
    """One line of a history: what happened, and its particulars for a person."""

    what: Happening
    detail: str


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """How long histories are kept: whole, then thinned to their landmarks, then not at all."""

    whole_days: int = 30
    landmarks_days: int = 365

    def whole_since(self, now_ms: int) -> int:
        """Unix ms: lines before are thinned."""
        return now_ms - self.whole_days * DAY_MS

    def any_since(self, now_ms: int) -> int:
        """Unix ms: lines before are gone."""
        return now_ms - max(self.whole_days, self.landmarks_days) * DAY_MS


def lines_between(before: Moment, after: Moment) -> tuple[Line, ...]:
    """What a device's newest word adds to its history, in the order in which it came about."""
    return () if before == after else tuple(_lines(before, after))


def _lines(before: Moment, after: Moment) -> Iterator[Line]:
    if after.connectivity is not before.connectivity:
        yield Line(Happening.CONNECTION, after.connectivity.value)
    if after.boot_id != before.boot_id:
        yield Line(Happening.START, "it started" if before.boot_id else "its first word")
    if after.agent_version != before.agent_version:
        yield Line(Happening.AGENT, f"{before.agent_version or 'none'} → {after.agent_version}")
    if after.number != before.number:
        yield Line(Happening.ASSIGNMENT, f"it has assignment {after.number}")
    if after.generation != before.generation:
        yield Line(Happening.ORDER, f"it has generation {after.generation} of its channel")
    if after.refused is not None and after.refused != before.refused:
        yield Line(Happening.REFUSED, after.refused)
    yield from _of_update(before, after)
    if (after.standing, after.drift_kinds, after.drift_paths) != (
        before.standing,
        before.drift_kinds,
        before.drift_paths,
    ):
        said = f", {drift_words(after.drift_kinds, after.drift_paths)}" if after.drift_kinds else ""
        yield Line(Happening.DRIFT, f"{after.standing}{said}")
    if after.health_status is not before.health_status:
        yield Line(Happening.HEALTH, f"{before.health_status} → {after.health_status}")


def _of_update(before: Moment, after: Moment) -> Iterator[Line]:
    if (after.phase, after.waiting_for) != (before.phase, before.waiting_for) and after.phase is not None:
        waits = f" for {after.waiting_for}: {after.waiting_for.sentence}" if after.waiting_for else ""
        yield Line(Happening.PHASE, f"{after.phase}{waits}")
    result = (after.result_release, after.result_attempt, after.result_outcome, after.result_code)
    if after.result_outcome is not None and result != (
        before.result_release,
        before.result_attempt,
        before.result_outcome,
        before.result_code,
    ):
        yield Line(Happening.RESULT, _result(after))
    if after.running_release != before.running_release:
        was, now = (one.running_version or (one.running_release or "none")[:12] for one in (before, after))
        yield Line(Happening.RELEASE, f"{was} → {now}")


def _result(after: Moment) -> str:
    said = f"{after.result_outcome}: {(after.result_release or '')[:12]}, attempt {after.result_attempt}"
    for more in (after.result_code, after.result_detail):
        said += f", {more}" if more else ""
    return said

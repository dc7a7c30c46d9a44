"""A rollback decided: which rules it makes of a channel's, and where each device stands by its own word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import dropwhile, pairwise
from typing import Final, NamedTuple

import msgspec

from pyv_fleet.core.waves import hold_rules
from pyv_fleet.core.words import ReturnStanding
from pyvorin_edge.identity import Digest
from pyvorin_edge.orders import Rule
from pyvorin_edge.vocabulary import Connectivity, Outcome, Phase, RuleKind, WaitingFor

RULES_MAX: Final = 16
"""So many rules stand in one directive (PROTOCOL 5)."""
Where = Mapping[str, Sequence[str]]


class Ran(NamedTuple):
    """A rollout that a rollback takes the channel from: what it rolled out, and the rule behind its waves."""

    release: Digest
    attempt: int
    #: none for a channel's first release
    baseline: Rule | None


class Goal(msgspec.Struct, frozen=True, kw_only=True):
    """What a device is to come to, and under which order."""

    release: str
    attempt: int
    epoch: int
    generation: int


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a device, of what matters for its way back."""

    connectivity: Connectivity = Connectivity.NEVER_SEEN
    #: Unix ms
    last_seen: int | None = None
    epoch: int = 0
    generation: int = 0
    phase: Phase | None = None
    waiting_for: WaitingFor | None = None
    running_release: str | None = None
    running_version: str | None = None
    result_release: str | None = None
    result_attempt: int | None = None
    result_outcome: Outcome | None = None
    result_code: str | None = None
    result_detail: str | None = None
    #: of the order that it refused last
    refused: str | None = None
    quarantined: bool = False
    pinned: bool = False


class Standing(msgspec.Struct, frozen=True):
    """Where a device stands, and the cause for a person; `since` is Unix ms where it says when."""

    word: ReturnStanding
    cause: str = ""
    since: int | None = None

    @property
    def waited_for(self) -> bool:
        """Whether it may still come back by itself, and soon."""
        return self.word.waited_for


def rollback_rules(
    release: Digest, attempt: int, *, where: Where, now: Sequence[Rule], ran: Ran | None
) -> tuple[Rule, ...]:
    """A channel's next rules. The whole channel: one rule. A selection: a rule with `where` first, then what stands.

    A rollout that runs ends where it is: who has its release keeps it, nobody else takes it. What an earlier rollback
    of the same selection ordered is replaced.
    """
    if not where:
        return (Rule(kind=RuleKind.ROLLBACK, release=release, attempt=attempt),)
    chosen = {label: tuple(values) for label, values in sorted(where.items())}
    first = Rule(kind=RuleKind.ROLLBACK, release=release, attempt=attempt, where=chosen)
    return (first, *(rule for rule in _rest(now, ran) if not _covered(rule, chosen)))


def _rest(now: Sequence[Rule], ran: Ran | None) -> tuple[Rule, ...]:
    """What holds for the channel's other devices."""
    if ran is None or not any(rule.release == ran.release for rule in now):
        return tuple(now)
    kept = tuple(rule for rule in now if rule.release != ran.release and not rule.open_to_all)
    return (*kept, *hold_rules(release=ran.release, attempt=ran.attempt, baseline=ran.baseline))


def _covered(rule: Rule, where: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether the rule's devices are all within the selection, so that it can never be reached behind it."""
    stated = rule.where or {}
    return all(label in stated and set(stated[label]) <= set(values) for label, values in where.items())


def good_since(first: Digest, whole: Sequence[Rule]) -> tuple[Digest, ...]:
    """A channel's last good release, and what was good there before it: its whole one, and not left by a rollback.

    `whole`: the only rules of the channel's directives that had one rule, newest first.
    """
    left = {
        older.release
        for newer, older in pairwise(whole)
        if newer.kind is RuleKind.ROLLBACK and newer.release != older.release
    }
    before = dropwhile(lambda rule: rule.release != first, whole)
    return tuple(dict.fromkeys((first, *(rule.release for rule in before if rule.release not in left))))


def standing_of(said: Said, goal: Goal, *, was_online: bool) -> Standing:
    """Where a device stands that has not acknowledged yet, or just does now."""
    if acknowledges(said, goal):
        return Standing(ReturnStanding.BACK)
    if said.quarantined:
        return Standing(ReturnStanding.QUARANTINED)
    if said.pinned:
        return Standing(ReturnStanding.PINNED, f"it stays on {said.running_version or 'what it runs'} until unpinned")
    if said.connectivity is not Connectivity.ONLINE:
        return _not_there(said, was_online)
    if _failed(said, goal):
        detail = f" ({said.result_detail})" if said.result_detail else ""
        return Standing(ReturnStanding.FAILED, f"{said.result_outcome}: {said.result_code or 'no cause'}{detail}")
    if (said.epoch, said.generation) < (goal.epoch, goal.generation):
        return Standing(ReturnStanding.UNHEARD, f"it refused an order: {said.refused}" if said.refused else "")
    waits = f", waiting for {said.waiting_for}" if said.waiting_for else ""
    return Standing(ReturnStanding.MOVING, f"{said.phase}{waits}")


def acknowledges(said: Said, goal: Goal) -> bool:
    """That generation or a later one, settled, and running the target: by the device's own word (PROTOCOL 6)."""
    return (
        (said.epoch, said.generation) >= (goal.epoch, goal.generation)
        and said.phase is Phase.SETTLED
        and said.running_release == goal.release
    )


def _not_there(said: Said, was_online: bool) -> Standing:
    if not was_online:
        return Standing(ReturnStanding.AWAY, since=said.last_seen)
    word = ReturnStanding.LOST if said.connectivity is Connectivity.LOST else ReturnStanding.OFFLINE
    return Standing(word, since=said.last_seen)


def _failed(said: Said, goal: Goal) -> bool:
    """It came to an end with just this order, and rests; one that tries again by itself is on its way."""
    tried = said.result_release == goal.release and (said.result_attempt or 0) >= goal.attempt
    return tried and said.phase is Phase.SETTLED and said.result_outcome in (Outcome.FAILED, Outcome.REJECTED)

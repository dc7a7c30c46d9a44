"""A wave's members: what is known of each, what they are judged by, and what happened to one in a sentence."""

from __future__ import annotations

from typing import Final

import msgspec

from pyv_fleet.core.policy import Budgets, Herd
from pyv_fleet.core.words import MemberStanding
from pyvorin_edge.identity import Digest
from pyvorin_edge.vocabulary import Cause, Connectivity, HealthStatus, Outcome, Phase, WaitingFor

#: A device that started so often since the wave began is crashing, whatever it says of itself: one start is the
#: release's own, the others are let pass as power cuts (rule 6 lets a device itself no more).
STARTS_MAX: Final = 4


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a wave is judged by."""

    release: Digest
    #: results of an earlier attempt at the same release do not count against it
    attempt: int
    budgets: Budgets
    soak_seconds: int
    deadline_seconds: int
    #: silence after which a device that left counts as lost (PROTOCOL 6); who falls silent is given the same
    lost_seconds: float
    #: so many of the judged that were online must be well for the soak to run; none = all but what the budgets allow
    success_permyriad: int | None = None
    #: for so long it waits for devices that were offline at its start
    deferred_seconds: int = 0
    #: the release brings other code: who says that it runs it must have started anew
    other_code: bool = False
    #: of its channel: so many may be at work at once; none = all
    herd: Herd | None = None
    #: devices that a person took out of the judgement
    skipped: frozenset[str] = frozenset()


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one member now. Times are Unix ms of the controller."""

    device_id: str
    #: whether it was online when the wave started: else it is deferred until it has something to say of the release
    online_at_start: bool
    connectivity: Connectivity
    last_seen: int | None
    health: HealthStatus
    phase: Phase | None
    running_release: str | None
    running_hash: str | None
    #: of (release, its overlay); none = not known, and then nothing is committed
    golden_hash: str | None
    result_release: str | None = None
    result_attempt: int = 0
    result_outcome: Outcome | None = None
    result_code: Cause | None = None
    result_detail: str = ""
    waiting_for: WaitingFor | None = None
    #: when it was given its turn to take the release, Unix ms: its deadline counts from there
    turn_at: int | None = None
    #: whether its boot id is the one that it had when the wave began, on another release
    same_boot: bool = False
    #: starts since the wave began
    starts: int = 0


def cause_sentence(facts: Facts, standing: MemberStanding, terms: Terms) -> str:
    """What happened to one device, named, with its own words on the cause."""
    match standing:
        case MemberStanding.REVERTED:
            return f"{facts.device_id} went back by itself: {_own_words(facts)}"
        case MemberStanding.FAILED:
            verb = "refused the release" if facts.result_outcome is Outcome.REJECTED else "could not take the release"
            return f"{facts.device_id} {verb}: {_own_words(facts)}"
        case MemberStanding.UNHEALTHY:
            if facts.starts > STARTS_MAX:
                return f"{facts.device_id} took the release and started {facts.starts} times under it"
            return f"{facts.device_id} took the release and became unhealthy under it"
        case MemberStanding.LOST:
            return f"{facts.device_id} fell silent for more than {terms.lost_seconds:g} s after the wave began"
        case MemberStanding.DEFERRED:
            return f"{facts.device_id} is not online"
        case MemberStanding.COMMITTED:
            return f"{facts.device_id} took the release and is {facts.health}"
        case MemberStanding.WAITING:
            return f"{facts.device_id} waits for its {'turn' if waits_for_turn(facts) else 'window'}"
        case MemberStanding.RETRYING:
            return f"{facts.device_id} tries again: {_own_words(facts)}"
        case MemberStanding.SKIPPED:
            return f"{facts.device_id} was taken out of the judgement"
        case MemberStanding.APPLYING:
            waits = f", {facts.waiting_for.sentence}" if facts.waiting_for is not None else ""
            return f"{facts.device_id} has not taken the release yet ({facts.phase or 'it has not reported'}{waits})"


def unwell_words(facts: Facts) -> str:
    """Why one that took the release does not count as well."""
    if facts.connectivity is not Connectivity.ONLINE:
        return f"{facts.device_id} is {facts.connectivity}"
    return f"{facts.device_id} is {facts.health}"


def waits_for_turn(facts: Facts) -> bool:
    """Whether it says that it waits for its turn."""
    return facts.waiting_for is WaitingFor.TURN


def _own_words(facts: Facts) -> str:
    sentence = facts.result_code.sentence if facts.result_code is not None else "it gave no cause"
    code = f"{facts.result_code}: " if facts.result_code is not None else ""
    return f"{code}{sentence} ({facts.result_detail})" if facts.result_detail else f"{code}{sentence}"

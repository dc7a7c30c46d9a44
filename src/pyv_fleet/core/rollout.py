"""The rollout as a machine: what may happen to it, and what entering a state does (EXAMPLES, our shape).

The shell makes the new value durable together with the directive that an effect asks for, then performs the effects in
order; what comes of them is the next event. Starting again is entering the state again (`on_entry`).

Its rules, each held by `step` itself whatever the shell does:
1. A wave opens only from `waiting`, in order, each once; pausing and resuming opens the same one again.
2. Nothing opens before the plan's approvals, and a wave that asks for a person's approval not before that either.
3. Never a whole channel without a canary: a wave that is everybody opens only after a smaller one soaked and was judged
   good; but for a channel's first release, a channel of one device, or an admin's emergency.
4. A bad wave goes back or holds, as the plan says; no data holds; a promise kept by a person (`Promoted`) is no proof.
5. It can be stopped in every state in which anything can happen, in the middle of a wave too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from pyv_fleet.core.analysis_terms import AnalysisTerms
from pyv_fleet.core.policy import Budgets
from pyv_fleet.core.rollout_events import (
    Aborted,
    AllBack,
    Approved,
    CallHuman,
    Cleared,
    Close,
    Effect,
    Event,
    HoldWave,
    LastWaveGood,
    OpenWave,
    Paused,
    Promoted,
    PublishBaseline,
    Resumed,
    Retried,
    Skipped,
    Started,
    Stayed,
    Superseded,
    WaveBad,
    WaveGood,
    WaveUnclear,
)
from pyv_fleet.core.words import OnAbort, OnBad, RolloutState
from pyvorin_edge.errors import PyvorinError
from pyvorin_edge.identity import ChannelName, Digest


class PlannedWave(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One wave of a plan, all its terms said."""

    #: in the written form of core/waves.py
    cohort: str
    soak_seconds: int
    #: none = all but what the budgets allow
    success_permyriad: int | None = None
    #: whether a person must approve before it opens
    approve: bool = False
    #: how many turns one after the other its devices need at least, by the channel's herd when it was planned
    rounds: int = 1


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a rollout was made to do; it never changes."""

    id: str
    channel: ChannelName
    release: Digest
    #: what the rest stays on and what it goes back to; none for a channel's very first release
    baseline: Digest | None
    #: of the release, counted over the whole fleet (PROTOCOL 5)
    attempt: int
    #: of the baseline, as a rule behind the waves names it
    baseline_attempt: int
    salt: str
    #: nested, the last is everybody
    waves: Annotated[tuple[PlannedWave, ...], Meta(min_length=1, max_length=14)]
    deadline_seconds: int
    spread_seconds: int
    budgets: Budgets
    reason: str
    created_by: str
    #: Unix ms
    created_at: int
    analysis: AnalysisTerms = AnalysisTerms()
    silent_seconds: int | None = None
    deferred_seconds: int = 0
    on_bad: OnBad = OnBad.REVERT
    on_abort: OnAbort = OnAbort.REVERT
    #: so many people other than its maker must approve before it starts
    approvals: int = 0
    #: Unix ms, not before then
    start_at: int | None = None
    #: an admin's word that it may do without a canary
    emergency: bool = False
    #: the channel had one device: there is nothing that a canary could leave out
    alone: bool = False


class Approval(msgspec.Struct, frozen=True):
    """Who let which wave in, and when (Unix ms)."""

    wave: int
    by: str
    at: int


class Rollout(msgspec.Struct, frozen=True, kw_only=True):
    """Where a rollout stands."""

    plan: Plan
    #: of the release, as devices are told; higher than the plan's after a retry
    attempt: int
    state: RolloutState = RolloutState.READY
    #: index of the wave under way, or of the one that opens next while it waits
    wave: int = 0
    #: how many waves were opened up to now
    opened: int = 0
    #: whether a wave that left devices out soaked and was judged good
    proven: bool = False
    #: whether a pause came while it waited: then it waits again
    waited: bool = False
    approvals: tuple[Approval, ...] = ()
    #: devices that are not judged any more
    skipped: tuple[str, ...] = ()
    #: why it stands where it stands, in one sentence
    because: str = "made"
    #: Unix ms since when: deadlines count from here
    since: int = 0
    #: Unix ms of its end; none while it runs
    ended_at: int | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing can happen to it any more."""
        return not MOVES[self.state]

    @property
    def last_wave(self) -> bool:
        """Whether no wave comes after this one."""
        return self.wave == len(self.plan.waves) - 1

    @property
    def planned(self) -> PlannedWave:
        """The terms of the wave under way or next."""
        return self.plan.waves[self.wave]


READY, WAITING, ROLLING = RolloutState.READY, RolloutState.WAITING, RolloutState.ROLLING
PAUSED, REVERTING, REVERTED = RolloutState.PAUSED, RolloutState.REVERTING, RolloutState.REVERTED
ABORTED, COMPLETED, SUPERSEDED = RolloutState.ABORTED, RolloutState.COMPLETED, RolloutState.SUPERSEDED

MOVES: Final[Mapping[RolloutState, Mapping[type[Event], RolloutState]]] = {
    READY: {Approved: READY, Started: WAITING, Aborted: REVERTED, Stayed: ABORTED, Superseded: SUPERSEDED},
    WAITING: {
        Approved: WAITING,
        Cleared: ROLLING,
        WaveBad: REVERTING,
        Skipped: WAITING,
        Paused: PAUSED,
        Aborted: REVERTING,
        Stayed: ABORTED,
        Superseded: SUPERSEDED,
    },
    ROLLING: {
        WaveGood: WAITING,
        LastWaveGood: COMPLETED,
        WaveBad: REVERTING,
        WaveUnclear: PAUSED,
        Promoted: WAITING,
        Retried: ROLLING,
        Skipped: ROLLING,
        Paused: PAUSED,
        Aborted: REVERTING,
        Stayed: ABORTED,
        Superseded: SUPERSEDED,
    },
    PAUSED: {
        Resumed: ROLLING,
        Promoted: WAITING,
        Retried: ROLLING,
        Skipped: PAUSED,
        Aborted: REVERTING,
        Stayed: ABORTED,
        Superseded: SUPERSEDED,
    },
    REVERTING: {AllBack: REVERTED, Superseded: SUPERSEDED},
    REVERTED: {},
    ABORTED: {},
    COMPLETED: {},
    SUPERSEDED: {},
}

ON_ENTRY: Final[Mapping[RolloutState, tuple[type[Effect], ...]]] = {
    READY: (),
    WAITING: (),
    ROLLING: (OpenWave,),
    PAUSED: (HoldWave, CallHuman),
    REVERTING: (PublishBaseline, CallHuman),
    REVERTED: (Close,),
    ABORTED: (HoldWave, Close),
    COMPLETED: (Close,),
    SUPERSEDED: (Close,),
}

#: What changes the value alone: no state is entered anew.
WITHIN: Final = frozenset({Approved, Skipped})

#: What a person calls the events that he can cause.
VERBS: Final[Mapping[type[Event], str]] = {
    Started: "start",
    Approved: "approve",
    Promoted: "promote",
    Retried: "retry",
    Skipped: "skip",
    Paused: "pause",
    Resumed: "resume",
    Aborted: "abort",
    Stayed: "abort --stay",
    Superseded: "supersede",
}


class NotNow(PyvorinError):
    """The event does not fit the state: the caller's mistake, answered with 409 and the moves there are."""

    def __init__(self, at: Rollout, event: Event, why: str = "") -> None:
        self.state = at.state
        self.moves = moves(at)
        asked = VERBS.get(type(event), type(event).__name__)
        possible = ", ".join(self.moves) or "nothing: it has ended"
        said = why or f"rollout {at.plan.id} is {at.state}: {at.state.sentence}"
        super().__init__(f"cannot {asked}: {said}. What can be done now: {possible}")


def made(plan: Plan) -> Rollout:
    """A rollout of a plan, not started."""
    return Rollout(plan=plan, attempt=plan.attempt, since=plan.created_at)


def step(at: Rollout, event: Event) -> tuple[Rollout, tuple[Effect, ...]]:
    """One move; NotNow if the event does not fit. The caller makes the new value durable, then performs the effects."""
    state = MOVES[at.state].get(type(event))
    if state is None:
        raise NotNow(at, event)
    _refuse(at, event)
    after = replace(_learnt(at, event), state=_state(at, event, state))
    if type(event) in WITHIN:
        return after, ()
    after = replace(
        after,
        # why it went back stays said when it is back
        because=f"{at.because}; {event.because}" if isinstance(event, AllBack) else event.because,
        since=event.at,
        ended_at=None if MOVES[after.state] else event.at,
    )
    return after, on_entry(after)


def on_entry(at: Rollout) -> tuple[Effect, ...]:
    """What being in this state asks for; every effect can be repeated, so a restart performs these again.

    Where no wave was opened yet there is nothing to hold and nothing to bring back.
    """
    asked = ON_ENTRY[at.state]
    if not at.opened:
        asked = tuple(effect for effect in asked if effect not in (HoldWave, PublishBaseline))
    return tuple(_made(effect, at) for effect in asked)


def already(at: Rollout, event: Event) -> bool:
    """Whether a person asks for what has come about: then nothing happens, and that is no mistake."""
    match event:
        case Started():
            return at.state in (WAITING, ROLLING, COMPLETED)
        case Approved(by=by):
            return any((one.wave, one.by) == (at.wave, by) for one in at.approvals)
        case Paused():
            return at.state is PAUSED
        case Resumed():
            return at.state in (WAITING, ROLLING)
        case Aborted():
            return at.state in (REVERTING, REVERTED)
        case Stayed():
            return at.state is ABORTED
        case Skipped(device_ids=ids):
            return set(ids) <= set(at.skipped)
    return False


def moves(at: Rollout) -> tuple[str, ...]:
    """What a person can do with it now."""
    return tuple(
        VERBS[event]
        for event, state in MOVES[at.state].items()
        if event in VERBS
        and not (state is REVERTING and at.plan.baseline is None and at.opened)
        and not (event is Approved and approvals_missing(at) == 0)
        and not (event in (Promoted, Retried) and at.waited)
    )


def approvals_missing(at: Rollout) -> int:
    """How many people must still approve before the wave that is next opens.

    Before the first wave: the plan's, none of them its maker. Before one that asks for it: at least one, none of them
    its maker where the plan asks for other people at all.
    """
    planned = at.planned
    needed = at.plan.approvals if at.wave == 0 else 0
    if planned.approve:
        needed = max(needed, 1)
    given = {one.by for one in at.approvals if one.wave == at.wave}
    return max(0, needed - len(given))


def may_be_everybody(at: Rollout) -> bool:
    """Rule 3."""
    return at.proven or at.plan.emergency or at.plan.alone or at.plan.baseline is None


def _refuse(at: Rollout, event: Event) -> None:
    """NotNow for what the table alone cannot say."""
    match event:
        case WaveGood() if at.last_wave:
            raise NotNow(at, event)
        case LastWaveGood() if not at.last_wave:
            raise NotNow(at, event)
        case Cleared() if approvals_missing(at):
            raise NotNow(at, event, f"wave {at.wave + 1} waits for {approvals_missing(at)} more approvals")
        case Cleared(everybody=True) if not may_be_everybody(at):
            raise NotNow(
                at, event, f"wave {at.wave + 1} is the whole channel, and no smaller one soaked and was judged good"
            )
        case Approved(by=by) if at.plan.approvals and by == at.plan.created_by:
            raise NotNow(at, event, f"{by} made this rollout: another person must approve it")
        case Approved() if approvals_missing(at) == 0:
            raise NotNow(at, event, f"wave {at.wave + 1} waits for nobody's approval")
        case Promoted() | Retried() if at.waited:
            raise NotNow(at, event, "no wave is under way")
        case WaveBad() if not at.opened:
            raise NotNow(at, event)
        case Aborted() if at.plan.baseline is None and at.opened:
            raise NotNow(at, event, "the channel's first release has no earlier one to go back to")
        case Retried(attempt=attempt) if attempt <= at.attempt:
            raise NotNow(at, event, f"attempt {attempt} is not above {at.attempt}")


def _state(at: Rollout, event: Event, state: RolloutState) -> RolloutState:
    """The table's word, but for the four places where the plan decides."""
    if isinstance(event, WaveBad) and (at.plan.on_bad is OnBad.PAUSE or at.plan.baseline is None):
        return PAUSED  # a first release has no earlier one: a person decides
    if isinstance(event, Promoted) and at.last_wave:
        return COMPLETED
    if isinstance(event, Resumed) and at.waited:
        return WAITING
    if isinstance(event, Aborted) and not at.opened:
        return REVERTED  # nobody was let in: nothing to bring back
    return state


def _learnt(at: Rollout, event: Event) -> Rollout:
    """What the value keeps of an event beside state and sentence."""
    match event:
        case WaveGood():
            return replace(at, wave=at.wave + 1, proven=at.proven or at.planned.soak_seconds > 0)
        case Promoted():
            return at if at.last_wave else replace(at, wave=at.wave + 1)
        case Approved(by=by, at=when):
            return replace(at, approvals=(*at.approvals, Approval(at.wave, by, when)))
        case Skipped(device_ids=ids):
            return replace(at, skipped=tuple(dict.fromkeys((*at.skipped, *ids))))
        case Retried(attempt=attempt):
            return replace(at, attempt=attempt)
        case Cleared():
            return replace(at, opened=at.wave + 1)
        case WaveBad():  # while the next wave was waited for, it is the one before that is bad
            return replace(at, wave=at.wave - (at.state is WAITING))
        case Paused():
            return replace(at, waited=at.state is WAITING)
        case Resumed():
            return replace(at, waited=False)
    return at


def _made(effect: type[Effect], at: Rollout) -> Effect:
    return OpenWave(at.wave) if effect is OpenWave else effect()  # type: ignore[call-arg]

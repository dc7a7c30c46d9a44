"""The rollout as a machine: what may happen to it, and what entering a state does (EXAMPLES, our shape).

The shell makes the new value durable together with the directive that an effect asks for, then performs the effects in
order; what comes of them is the next event. Starting again is entering the state again (`on_entry`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from pyv_fleet.core.analysis_terms import AnalysisTerms
from pyv_fleet.core.views import Budgets
from pyv_fleet.core.words import RolloutState
from pyvorin_edge.errors import PyvorinError
from pyvorin_edge.identity import ChannelName, Digest


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
    #: in the written form of core/waves.py, nested, the last is everybody
    waves: Annotated[tuple[str, ...], Meta(min_length=1, max_length=14)]
    soak_seconds: int
    deadline_seconds: int
    spread_seconds: int
    budgets: Budgets
    reason: str
    created_by: str
    #: Unix ms
    created_at: int
    analysis: AnalysisTerms = AnalysisTerms()


class Rollout(msgspec.Struct, frozen=True, kw_only=True):
    """Where a rollout stands."""

    plan: Plan
    state: RolloutState = RolloutState.READY
    #: index of the wave under way or last opened
    wave: int = 0
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


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened, when (Unix ms), and why in one sentence."""

    at: int
    because: str


class Started(Event, frozen=True):
    """The first wave may open."""


class WaveGood(Event, frozen=True):
    """The wave under way was judged good."""


class LastWaveGood(Event, frozen=True):
    """Every wave was good."""


class WaveBad(Event, frozen=True):
    """A budget of the wave under way is broken."""


class WaveUnclear(Event, frozen=True):
    """The wave cannot be judged: no data pauses, it never passes."""


class Paused(Event, frozen=True):
    """A person holds it, or the controller does (a directive that is not ours)."""


class Resumed(Event, frozen=True):
    """A person lets it go on with the wave where it stood."""


class Aborted(Event, frozen=True):
    """A person ends it; its devices go back."""


class Stayed(Event, frozen=True):
    """A person ends it where it is: who has the release keeps it."""


class Superseded(Event, frozen=True):
    """A newer rollout or a rollback took its channel."""


class AllBack(Event, frozen=True):
    """The devices run the baseline again, or the time for it is over; the sentence says which."""


class OpenWave(msgspec.Struct, frozen=True):
    """Freeze the wave's members and publish the directive that lets them in."""

    wave: int


class HoldWave(msgspec.Struct, frozen=True):
    """Publish the directive under which who has the release keeps it and nobody else takes it."""


class PublishBaseline(msgspec.Struct, frozen=True):
    """Publish the directive that brings everybody back to the baseline, as a rollback."""


class CallHuman(msgspec.Struct, frozen=True):
    """Raise an alert with the rollout's sentence."""


class Close(msgspec.Struct, frozen=True):
    """Write down that it ended: the channel is free, and on completion its golden is the release."""


Effect = OpenWave | HoldWave | PublishBaseline | CallHuman | Close

READY, WAITING = RolloutState.READY, RolloutState.WAITING
ROLLING, PAUSED = RolloutState.ROLLING, RolloutState.PAUSED
REVERTING, REVERTED, ABORTED = RolloutState.REVERTING, RolloutState.REVERTED, RolloutState.ABORTED
COMPLETED, SUPERSEDED = RolloutState.COMPLETED, RolloutState.SUPERSEDED

MOVES: Final[Mapping[RolloutState, Mapping[type[Event], RolloutState]]] = {
    WAITING: {Superseded: SUPERSEDED},
    READY: {Started: ROLLING, Aborted: REVERTED, Superseded: SUPERSEDED},
    ROLLING: {
        WaveGood: ROLLING,
        LastWaveGood: COMPLETED,
        WaveBad: REVERTING,
        WaveUnclear: PAUSED,
        Paused: PAUSED,
        Aborted: REVERTING,
        Stayed: ABORTED,
        Superseded: SUPERSEDED,
    },
    PAUSED: {Resumed: ROLLING, Aborted: REVERTING, Stayed: ABORTED, Superseded: SUPERSEDED},
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

#: What a person calls the events that he can cause.
VERBS: Final[Mapping[type[Event], str]] = {
    Started: "start",
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


def step(at: Rollout, event: Event) -> tuple[Rollout, tuple[Effect, ...]]:
    """One move; NotNow if the event does not fit. The caller makes the new value durable, then performs the effects."""
    if type(event) in (WaveGood, LastWaveGood) and at.last_wave != (type(event) is LastWaveGood):
        raise NotNow(at, event)
    state = MOVES[at.state].get(type(event))
    if state is None:
        raise NotNow(at, event)
    if state is REVERTING and at.plan.baseline is None:
        state = _without_way_back(at, event)
    after = replace(
        at,
        state=state,
        wave=at.wave + (type(event) is WaveGood),
        # why it went back stays said when it is back
        because=f"{at.because}; {event.because}" if isinstance(event, AllBack) else event.because,
        since=event.at,
        ended_at=None if MOVES[state] else event.at,
    )
    return after, on_entry(after)


def on_entry(at: Rollout) -> tuple[Effect, ...]:
    """What being in this state asks for; every effect can be repeated, so a restart performs these again."""
    return tuple(_made(effect, at) for effect in ON_ENTRY[at.state])


def moves(at: Rollout) -> tuple[str, ...]:
    """What a person can do with it now."""
    return tuple(
        VERBS[event]
        for event, state in MOVES[at.state].items()
        if event in VERBS and not (state is REVERTING and at.plan.baseline is None)
    )


def _without_way_back(at: Rollout, event: Event) -> RolloutState:
    """A first release has no earlier one: each device's own gate brings it back, a person decides the rest."""
    if isinstance(event, Aborted):
        raise NotNow(at, event, "the channel's first release has no earlier one to go back to")
    return PAUSED


def _made(effect: type[Effect], at: Rollout) -> Effect:
    return OpenWave(at.wave) if effect is OpenWave else effect()  # type: ignore[call-arg]

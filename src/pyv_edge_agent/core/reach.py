"""A link on trial: reached by it, or back to the one before (PROTOCOL 4 `link`, PROTOCOL 5 rule 7)."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from pyv_edge_agent.core.device import Device, Turn
from pyv_edge_agent.core.effects import Log, UseLink
from pyv_edge_agent.core.memory import LinkTrial
from pyv_edge_agent.core.patience import begun_at, keep_at
from pyvorin_edge.identity import Digest
from pyvorin_edge.orders import EMPTY_OVERLAY
from pyvorin_edge.report import Result
from pyvorin_edge.trust import Link
from pyvorin_edge.vocabulary import Cause, Outcome, Phase

NEVER: Final = float("inf")
NO_RELEASE: Final = Digest("0" * 64)
#: given up so often with the old link reachable, a link is at fault
GIVEN_UP_MAX: Final = 2
#: by the old link it says that the try was inconclusive, before it leaves again
REST_SECONDS_MAX: Final = 60.0


def link_in_use(device: Device) -> Link | None:
    """The link that last proved itself; none = neither a trust document's nor enrolment's."""
    return device.memory.state.link or device.facts.enrolled_link


def consider(turn: Turn) -> None:
    """Begin with a link of the trust document that is neither in use nor tried; only in session (rule 7)."""
    device, trial = turn.device, turn.state.link_trial
    wanted = device.trust.link
    if not wanted.mqtt and not wanted.http:
        return
    if trial is not None and trial.link == wanted:
        return
    if wanted == link_in_use(device):
        if trial is not None:
            turn.note(link_trial=None)
            turn.do(UseLink(turn.state.link, candidate=False))
        return
    if device.connected:
        turn.note(link_trial=LinkTrial(link=wanted))
        _try(turn, wanted)


def boot(turn: Turn) -> None:
    """At start: the link in use, or the trial where it stood, and what it has spent."""
    trial = turn.state.link_trial
    if trial is not None and not trial.ended and not trial.going_back:
        _try(turn, trial.link)
    elif turn.state.link is not None or trial is not None:
        turn.do(UseLink(turn.state.link, candidate=False))
    if trial is not None:
        limit = turn.device.facts.limits.reach_seconds
        turn.set(candidate_since=begun_at(turn.up, trial.spent_seconds, limit))


def acknowledged(turn: Turn) -> None:
    """A report reached the fleet: by the candidate it is kept; by the old link after going back, it is judged."""
    trial, device = turn.state.link_trial, turn.device
    if trial is None or trial.ended:
        return
    if device.on_candidate:
        turn.note(link=trial.link, link_trial=None)
        turn.set(on_candidate=False, candidate_since=None)
        turn.do(Log("info", "the fleet was reached by its new link"), UseLink(trial.link, candidate=False))
    elif trial.going_back:
        ended = trial.tries >= GIVEN_UP_MAX
        _judge(turn, Outcome.FAILED if ended else Outcome.INCONCLUSIVE, Cause.CUT_OFF)
        turn.note(link_trial=replace(trial, going_back=False, ended=ended, spent_seconds=0.0))
        rest_seconds = min(REST_SECONDS_MAX, device.facts.limits.reach_seconds)
        turn.set(candidate_since=None, candidate_again_at=None if ended else turn.up + rest_seconds)


def press(turn: Turn) -> None:
    """Deadlines: `reach_seconds` by the new link, then as long by the old one."""
    trial, device = turn.state.link_trial, turn.device
    if trial is None or trial.ended or turn.up < reach_at(device):
        return
    since = device.candidate_since
    if since is not None and device.candidate_again_at is None and turn.up < _end_at(device, since):
        turn.note(link_trial=replace(trial, spent_seconds=turn.up - since))
    elif device.candidate_again_at is not None:
        _try(turn, trial.link)
    elif not trial.going_back:
        turn.note(link_trial=replace(trial, going_back=True, tries=trial.tries + 1, spent_seconds=0.0))
        turn.set(candidate_since=turn.up, on_candidate=False)
        turn.do(Log("warning", "the fleet was not reached by its new link; going back"))
        turn.do(UseLink(turn.state.link, candidate=False))
    else:
        _judge(turn, Outcome.INCONCLUSIVE, Cause.UNREACHED)
        turn.note(link_trial=replace(trial, going_back=False, spent_seconds=0.0))
        _try(turn, trial.link)


def reach_at(device: Device) -> float:
    """Uptime of the deadline under way, or at which what is spent of it is made durable."""
    trial = device.memory.state.link_trial
    if trial is None or trial.ended:
        return NEVER
    if device.candidate_again_at is not None:
        return device.candidate_again_at
    if device.candidate_since is None:
        return NEVER
    return min(_end_at(device, device.candidate_since), keep_at(device.candidate_since, trial.spent_seconds))


def phase_shown(device: Device) -> Phase | None:
    """What a link on trial adds to the device's phase; none = nothing."""
    trial = device.memory.state.link_trial
    if trial is None or trial.ended or device.candidate_again_at is not None:
        return None
    return Phase.REVERTING if trial.going_back else Phase.PROVING


def _end_at(device: Device, since: float) -> float:
    return since + device.facts.limits.reach_seconds


def _try(turn: Turn, link: Link) -> None:
    turn.set(candidate_since=turn.up, candidate_again_at=None)
    turn.do(UseLink(link, candidate=True))


def _judge(turn: Turn, outcome: Outcome, code: Cause) -> None:
    committed = turn.memory.committed
    turn.note(
        result=Result(
            release=(committed.release if committed is not None else None) or NO_RELEASE,
            overlay=committed.overlay if committed is not None else EMPTY_OVERLAY,
            attempt=committed.attempt if committed is not None else 0,
            outcome=outcome,
            code=code,
            detail=f"link of trust document {turn.device.trust.version}: {code.sentence}",
            at=turn.now.wall_ms,
        )
    )

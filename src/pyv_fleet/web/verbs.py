"""What a person can do with a rollout on the page: what it resolves to, how many devices, and the equal command."""

from __future__ import annotations

from typing import Final

import msgspec

from pyv_fleet.core.views import RolloutVerb, RolloutView, WaveView
from pyv_fleet.core.words import RolloutAct

UNDO: Final = "undo"
ABORT, ABORT_STAY, SKIP = "abort", "abort-stay", "skip"


class Verb(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that can be done, as a button says it."""

    #: of its address
    word: str
    label: str
    #: its own part of the command
    said: str
    act: RolloutAct | None = None
    stay: bool | None = None
    #: whether devices lose what they run: then their number is asked for
    takes_back: bool = False

    def command(self, rollout_id: str) -> str:
        """The command that does the same."""
        words = {"retry": f"retry failed {rollout_id}", SKIP: f"skip {rollout_id} DEVICE…"}
        return f"pyv-fleet rollout {words.get(self.word, f'{self.said} {rollout_id}')} --reason WHY"


VERBS: Final = (
    Verb(word="approve", label="Approve", said="approve", act=RolloutAct.APPROVE),
    Verb(word="start", label="Start", said="start", act=RolloutAct.START),
    Verb(word="pause", label="Pause", said="pause", act=RolloutAct.PAUSE),
    Verb(word="resume", label="Resume", said="resume", act=RolloutAct.RESUME),
    Verb(word="promote", label="Promote", said="promote", act=RolloutAct.PROMOTE),
    Verb(word="retry", label="Retry failed", said="retry", act=RolloutAct.RETRY),
    Verb(word=SKIP, label="Skip devices", said="skip", act=RolloutAct.SKIP),
    Verb(word=ABORT, label="Abort, go back", said="abort --revert", act=RolloutAct.ABORT, stay=False, takes_back=True),
    Verb(word=ABORT_STAY, label="Abort, stay", said="abort --stay", act=RolloutAct.ABORT, stay=True),
    Verb(word=UNDO, label="Undo", said="undo", takes_back=True),
)
_BY_MOVE: Final = {"abort --stay": ABORT_STAY}


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """What a verb would do now."""

    sentence: str
    #: to be typed before it is done; none = nothing is taken from any device
    count: int | None = None


def verb_of(word: str) -> Verb | None:
    """By the word in its address."""
    return next((verb for verb in VERBS if verb.word == word), None)


def possible(seen: RolloutView, *, undoable: bool) -> tuple[Verb, ...]:
    """What the state allows now."""
    words = {_BY_MOVE.get(move, move) for move in seen.moves} | ({UNDO} if undoable else set())
    return tuple(verb for verb in VERBS if verb.word in words)


def resolved(seen: RolloutView, verb: Verb) -> Resolved:
    """What it would do now, in a sentence; `undo` is a rollback, which counts for itself."""
    wave, touched = wave_of(seen), _touched(seen)
    number = f"wave {wave.index + 1} of {len(seen.waves)} ({wave.cohort})"
    match verb.word:
        case "approve":
            need = seen.approvals_needed
            return Resolved(sentence=f"{number} may open; approvals missing: {need}, yours is one.")
        case "start":
            return Resolved(sentence=f"{number} opens as soon as nothing stands in its way.")
        case "pause":
            return Resolved(
                sentence=f"{number} holds at once: {_count(touched)} were let in and keep it, nobody else takes it."
            )
        case "resume":
            return Resolved(sentence=f"{number} goes on where it stood.")
        case "promote":
            ends = "the rollout is completed" if wave.index + 1 == len(seen.waves) else "the next one opens"
            return Resolved(sentence=f"{number} is not waited for: {ends}. That is no proof of the canary.")
        case "retry":
            wrong = wave.failed + wave.reverted
            return Resolved(sentence=f"{number}: {_count(wrong)} that failed or went back try again.")
        case "skip":
            return Resolved(sentence=f"{number} is judged without the devices that you name; they keep what they have.")
        case "abort-stay":
            return Resolved(sentence=f"It ends here: {_count(touched)} were let in and keep {seen.version}.")
        case _:
            back = seen.baseline_version or "nothing"
            said = f"It ends: {_count(touched)} that were let in go back to {back}."
            return Resolved(sentence=said, count=touched or None)


def body_of(verb: Verb, reason: str, wave: int | None, device_ids: str) -> RolloutVerb:
    """What the API takes; `wave` (from 1) is the one that the form was shown for."""
    return RolloutVerb(
        reason=reason,
        stay=verb.stay,
        wave=wave if verb.act is RolloutAct.PROMOTE else None,
        device_ids=tuple(device_ids.replace(",", " ").split()) if verb.word == SKIP else (),
    )


def wave_of(seen: RolloutView) -> WaveView:
    """The one that is under way, or next."""
    return seen.waves[min(seen.wave, len(seen.waves) - 1)]


def _touched(seen: RolloutView) -> int:
    """Waves contain the ones before: the last one that was begun is all that were let in."""
    return max((wave.devices for wave in seen.waves if wave.started_at is not None), default=0)


def _count(devices: int) -> str:
    return f"{devices} device{'' if devices == 1 else 's'}"

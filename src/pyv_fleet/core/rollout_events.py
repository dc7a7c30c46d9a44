"""What can happen to a rollout and what it can ask for: all that passes between core/rollout.py and its shell."""

from __future__ import annotations

import msgspec

# --- events: past tense, each with when (Unix ms) and why in one sentence ---


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened."""

    at: int
    because: str


class Started(Event, frozen=True):
    """It is wanted now; its first wave opens as soon as nothing stands in its way."""


class Approved(Event, frozen=True):
    """A person lets it go on to the wave that is next."""

    by: str


class Cleared(Event, frozen=True):
    """Nothing stands in the way of the wave that is next: approvals, start, freezes were looked at."""

    #: whether that wave is every device of the channel, whatever its written form
    everybody: bool


class WaveGood(Event, frozen=True):
    """The wave under way was judged good, and others follow."""


class LastWaveGood(Event, frozen=True):
    """Every wave was good."""


class WaveBad(Event, frozen=True):
    """A budget of the wave under way, or of the one before while the next is waited for, is broken."""


class WaveUnclear(Event, frozen=True):
    """The wave cannot be judged: no data pauses, it never passes."""


class Promoted(Event, frozen=True):
    """A person goes on without waiting for the wave's verdict; that is no proof of the canary."""


class Retried(Event, frozen=True):
    """Devices that failed may try again: a higher attempt of the same release."""

    attempt: int


class Skipped(Event, frozen=True):
    """A person takes devices out of the judgement; they keep what they have."""

    device_ids: tuple[str, ...]


class Paused(Event, frozen=True):
    """A person holds it, or the controller does (a directive that is not ours)."""


class Resumed(Event, frozen=True):
    """A person lets it go on where it stood."""


class Aborted(Event, frozen=True):
    """A person ends it; its devices go back."""


class Stayed(Event, frozen=True):
    """A person ends it where it is: who has the release keeps it."""


class Superseded(Event, frozen=True):
    """A newer rollout or a rollback took its channel."""


class AllBack(Event, frozen=True):
    """The devices run the baseline again, or the time for it is over; the sentence says which."""


# --- effects: imperative; each can be repeated ---


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

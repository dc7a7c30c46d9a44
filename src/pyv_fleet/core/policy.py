"""Policies: how releases reach a channel, written down once; what a rollout does not say, its channel's policy says."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from pyv_fleet.core.analysis_terms import AnalysisTerms
from pyv_fleet.core.words import OnAbort, OnBad
from pyvorin_edge.errors import PyvorinError

Permyriad = Annotated[int, Meta(ge=0, le=10_000)]
Soak = Annotated[int, Meta(ge=0, le=604_800)]
Moment = Annotated[dt.datetime, Meta(tz=True)]


class PolicyError(PyvorinError):
    """Terms that contradict each other; the message names the field."""


class Budgets(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many devices of a wave may go wrong: in permyriad of the wave (0 = none), and besides as a number of devices.

    Waves contain the ones before, so a number counts over the whole rollout; where both are said the lower one holds.
    """

    failed_permyriad: Permyriad = 0
    reverted_permyriad: Permyriad = 0
    unhealthy_permyriad: Permyriad = 200
    #: silent after the wave began; who was offline before it is deferred, never lost
    lost_permyriad: Permyriad = 200
    #: offline at the wave's start; more than that and it cannot be judged
    deferred_permyriad: Permyriad = 10_000
    failed_max: Annotated[int, Meta(ge=0)] | None = None
    reverted_max: Annotated[int, Meta(ge=0)] | None = None
    unhealthy_max: Annotated[int, Meta(ge=0)] | None = None
    lost_max: Annotated[int, Meta(ge=0)] | None = None


class WaveTerms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One wave, as asked for; none = as the rollout says for all."""

    #: `1%`, `20`, `kind=real`, `kind=real:1` (label, count), `id=FLEET-…,FLEET-…` (named), `100%`
    cohort: str
    soak_seconds: Soak | None = None
    #: so many of its devices that were online at its start must have taken it and be well; none = all but the budgets
    success_permyriad: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    #: a person must approve before it opens
    approve: bool = False


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a rollout goes. A channel that names one makes it its rollouts' default, and its `approvals` the least."""

    waves: Annotated[tuple[WaveTerms | str, ...], Meta(min_length=1, max_length=14)] = ("1%", "100%")
    soak_seconds: Soak = 60
    #: a wave that is not judged good within this long is inconclusive; time in which its devices wait for their window
    #: or their turn does not count
    deadline_seconds: Annotated[int, Meta(ge=1, le=2_592_000)] = 3_600
    spread_seconds: Annotated[int, Meta(ge=0, le=86_400)] = 0
    #: silence after which a device that was online counts as lost; none = as its channel's pace says (PROTOCOL 6)
    silent_seconds: Annotated[int, Meta(ge=1, le=604_800)] | None = None
    #: for so long after its start a wave waits for devices that were offline then; 0 = it does not
    deferred_seconds: Annotated[int, Meta(ge=0, le=604_800)] = 0
    budgets: Budgets = Budgets()
    #: what a bad wave does
    on_bad: OnBad = OnBad.REVERT
    #: what an abort does that does not say
    on_abort: OnAbort = OnAbort.REVERT
    #: so many people other than its maker must approve a rollout before it starts
    approvals: Annotated[int, Meta(ge=0, le=8)] = 0
    #: how a wave is compared with the rest of its channel
    analysis: AnalysisTerms = AnalysisTerms()


class Freeze(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A time in which no new wave opens on a channel; what is open goes on, and a rollback is always possible."""

    begins_at: Moment
    ends_at: Moment
    reason: Annotated[str, Meta(min_length=1, max_length=512)]

    def holds_at(self, now_ms: int) -> bool:
        """Whether it is frozen then (Unix ms)."""
        return unix_ms(self.begins_at) <= now_ms < unix_ms(self.ends_at)


class HoldOut(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Devices that stay on a release whatever rolls out on their channel, by their assigned labels."""

    where: Annotated[dict[str, tuple[str, ...]], Meta(min_length=1, max_length=4)]
    #: digest or version
    release: str


class Herd(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """At most so many devices of a channel at work on a release at once: per value of a label, or in all without one.

    The controller hands out turns (ADR 0023, 0029). A rollback waits for none.
    """

    at_once: Annotated[int, Meta(ge=1, le=100_000)]
    #: such as `site` or `uplink`; devices without it are a group of their own
    label: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    #: so long after it was last heard a silent device keeps its turn: it may still be at work
    silent_seconds: Annotated[int, Meta(ge=60, le=604_800)] = 1_800

    def __str__(self) -> str:
        return f"{self.at_once} at once" + (f" per {self.label}" if self.label else "")


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one rollout says of a policy's terms; none = as the policy says. `resolved` gives all of them."""

    waves: Annotated[tuple[WaveTerms | str, ...], Meta(min_length=1, max_length=14)] | None = None
    soak_seconds: Soak | None = None
    deadline_seconds: Annotated[int, Meta(ge=1, le=2_592_000)] | None = None
    spread_seconds: Annotated[int, Meta(ge=0, le=86_400)] | None = None
    silent_seconds: Annotated[int, Meta(ge=1, le=604_800)] | None = None
    deferred_seconds: Annotated[int, Meta(ge=0, le=604_800)] | None = None
    budgets: Budgets | None = None
    on_bad: OnBad | None = None
    on_abort: OnAbort | None = None
    #: more than the policy asks for, never fewer
    approvals: Annotated[int, Meta(ge=0, le=8)] | None = None
    analysis: AnalysisTerms | None = None


DEFAULT: Final = Policy()
"""What holds where no policy is named."""


def resolved(asked: Asked, policy: Policy) -> Policy:
    """All terms of a rollout: what it says itself, else its policy's; never fewer approvals than its policy asks."""
    said = {name: value for name in Asked.__struct_fields__ if (value := getattr(asked, name)) is not None}
    whole: Policy = msgspec.structs.replace(policy, **said)
    return msgspec.structs.replace(whole, approvals=max(whole.approvals, policy.approvals))


def wave_terms(one: WaveTerms | str) -> WaveTerms:
    """A wave in its long form; a string is a cohort, with words behind it: `5% soak=600 success=95 approve`.

    PolicyError for a word that is none of these.
    """
    if isinstance(one, WaveTerms):
        return one
    cohort, *words = one.split()
    found: dict[str, object] = {"cohort": cohort}
    for word in words:
        found |= _said(one, word)
    try:
        return msgspec.convert(found, WaveTerms)
    except msgspec.ValidationError as why:
        raise PolicyError(f"wave {one!r}: {why}") from None


def unix_ms(moment: dt.datetime) -> int:
    """A moment as orders and the store keep it."""
    return int(moment.timestamp() * 1000)


def _said(whole: str, word: str) -> dict[str, object]:
    name, _, value = word.partition("=")
    if word == "approve":
        return {"approve": True}
    try:
        if name == "soak":
            return {"soak_seconds": int(value.removesuffix("s"))}
        if name == "success":
            return {"success_permyriad": round(float(value.removesuffix("%")) * 100)}
    except ValueError:
        raise PolicyError(f"wave {whole!r}: {word!r} has no number") from None
    raise PolicyError(f"wave {whole!r}: {word!r} is none of soak=SECONDS, success=PERCENT, approve")

"""How a group's changed values reach its members: a canary, then a bounded number at a time, each proved before the
next. Pure and level-triggered: asked again and again with what is, it says what to do now."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from pyv_fleet.core.words import MemberStanding


class StepTerms(msgspec.Struct, frozen=True, kw_only=True):
    """How fast it goes."""

    #: devices that go first; all of them must be good
    canary: int
    #: devices in each later step
    at_once: int
    #: how long all that were given the values must be good
    soak_seconds: int
    #: how long one may take to settle
    deadline_seconds: int
    #: the values are those that all members had before: nobody need go first
    back: bool = False


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """A member that was given the values, and how it does. Times are Unix ms."""

    device_id: str
    given_at: int
    standing: MemberStanding
    #: since when it is committed without a break; none = it is not
    good_at: int | None = None
    #: it waits for its own window, lock or turn, however long that takes
    excused: bool = False


class Behind(msgspec.Struct, frozen=True, kw_only=True):
    """A member that was not given the values yet."""

    device_id: str
    online: bool
    #: what must end before it may be given them; empty = nothing
    waits_for: str = ""


class Give(msgspec.Struct, frozen=True):
    """Give these the values now."""

    device_ids: tuple[str, ...]
    because: str


class Wait(msgspec.Struct, frozen=True):
    """Nothing now."""

    because: str


class Stop(msgspec.Struct, frozen=True):
    """No further device gets them until a person looked."""

    because: str


class Done(msgspec.Struct, frozen=True):
    """Everyone has them."""

    because: str


Decision = Give | Wait | Stop | Done
_BAD = (MemberStanding.FAILED, MemberStanding.REVERTED, MemberStanding.UNHEALTHY)


def decide(terms: StepTerms, given: Sequence[Given], behind: Sequence[Behind], now_ms: int) -> Decision:
    """What to do now. A single bad member stops it; one that was offline when it was given them is not waited for."""
    bad = [one for one in given if one.standing in _BAD]
    if bad and not terms.back:
        return Stop(f"{bad[0].device_id}: {bad[0].standing.sentence}{_others(len(bad) - 1)}")
    taking = [one for one in given if one.standing in (MemberStanding.APPLYING, MemberStanding.LOST)]
    late = [one for one in taking if not one.excused and now_ms - one.given_at > terms.deadline_seconds * 1000]
    if late and not terms.back:
        return Stop(f"{late[0].device_id} did not settle within {terms.deadline_seconds} s{_others(len(late) - 1)}")
    if not behind:
        return _ending(terms, given, taking, now_ms)
    if terms.back:
        return _give(behind, len(behind), "back to the values before")
    if taking:
        return Wait(f"{len(taking)} of {len(given)} have not settled yet")
    if soaking := _soaking(terms, given, now_ms):
        return soaking
    return _next(terms, given, behind)


def _ending(terms: StepTerms, given: Sequence[Given], taking: Sequence[Given], now_ms: int) -> Decision:
    if taking and not terms.back:
        return Wait(f"all have been given them, {len(taking)} have not settled yet")
    soaking = None if terms.back else _soaking(terms, given, now_ms)
    if soaking is not None:
        return soaking
    away = sum(one.standing is MemberStanding.DEFERRED for one in given)
    return Done(f"every member has its values{f'; {away} take them when they come back' if away else ''}")


def _soaking(terms: StepTerms, given: Sequence[Given], now_ms: int) -> Wait | None:
    good = [one.good_at for one in given if one.good_at is not None]
    if good and now_ms - max(good) < terms.soak_seconds * 1000:
        return Wait(f"{len(good)} are good; they soak for {terms.soak_seconds} s")
    return None


def _next(terms: StepTerms, given: Sequence[Given], behind: Sequence[Behind]) -> Decision:
    free = [one for one in behind if not one.waits_for]
    if not free:
        return Wait(f"waits for {behind[0].waits_for}")
    proved = sum(one.standing is MemberStanding.COMMITTED for one in given)
    if proved >= terms.canary:
        return _give(free, terms.at_once, "the next")
    online = [one for one in free if one.online]
    if online:
        return _give(online, terms.canary - proved, "to go first")
    if proved:
        return _give(free, terms.at_once, "the next: fewer were online than should go first, and those are good")
    return Wait("no member that may go first is online")


def _give(some: Sequence[Behind], most: int, because: str) -> Give:
    """Those online first, so that a step proves something."""
    chosen = sorted(some, key=lambda one: (not one.online, one.device_id))[:most]
    return Give(tuple(one.device_id for one in chosen), f"{len(chosen)} {because}")


def _others(more: int) -> str:
    return f" (and {more} more)" if more else ""

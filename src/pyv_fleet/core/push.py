"""The course of a push: the first hosts alone, a while of watching them, then the others a few at a time (ADR 0021).

A small state machine over frozen values: what begins next, what a result changes, when it stops. No clock, no SSH.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from pyv_fleet.core.inventory import Host
from pyv_fleet.core.words import HostState, PushStage
from pyvorin_edge.carrying import ChangeSeen
from pyvorin_edge.errors import PyvorinError
from pyvorin_edge.vocabulary import HealthStatus

_SICK: Final = (HealthStatus.DEGRADED, HealthStatus.UNHEALTHY)


class PushError(PyvorinError):
    """A push that must not begin as it was asked for."""


class PushTerms(msgspec.Struct, frozen=True, kw_only=True):
    """How a push goes."""

    #: hosts that go first, alone
    canary: Annotated[int, Meta(ge=1)] = 1
    #: sessions at one time
    parallel: Annotated[int, Meta(ge=1)] = 20
    #: results that speak against the release, after the canaries, before nothing more is begun
    max_failed: Annotated[int, Meta(ge=0)] = 0


class HostResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one host, by its device's own word where there is one."""

    host: str
    state: HostState
    detail: str = ""
    device: str | None = None
    #: version in force, as the device says
    release: str | None = None
    config_hash: str | None = None
    boot_id: str | None = None
    health: str | None = None
    seconds: float = 0.0
    #: with --check: what would change; none = not known
    changes: tuple[ChangeSeen, ...] | None = None


class Push(msgspec.Struct, frozen=True, kw_only=True):
    """Where a push stands. Everything that happens makes the next one."""

    #: names of all hosts, the canaries first
    order: tuple[str, ...]
    terms: PushTerms
    results: dict[str, HostResult] = {}
    running: frozenset[str] = frozenset()
    #: the canaries took it and stayed well
    proved: bool = False
    #: why nothing more is begun; none = it goes on
    halted: str | None = None

    @property
    def canaries(self) -> tuple[str, ...]:
        """The hosts that go first."""
        return self.order[: self.terms.canary]

    @property
    def waiting(self) -> tuple[str, ...]:
        """Hosts whose turn has not come."""
        return tuple(name for name in self.order if name not in self.results and name not in self.running)

    @property
    def failed(self) -> int:
        """Results that speak against the release."""
        return sum(one.state.speaks_against_the_release for one in self.results.values())

    @property
    def stage(self) -> PushStage:
        """Where it stands."""
        if self.halted is not None or len(self.results) == len(self.order):
            return PushStage.ENDED if self.proved or self.halted is not None else PushStage.SOAK
        if self.proved:
            return PushStage.REST
        return PushStage.SOAK if all(name in self.results for name in self.canaries) else PushStage.CANARY


def ordered(hosts: Sequence[Host]) -> tuple[Host, ...]:
    """Those marked as canaries first, else as they stand."""
    return tuple(sorted(hosts, key=lambda host: not host.canary))


def begin(hosts: Sequence[Host], terms: PushTerms, done: Mapping[str, HostResult], *, proved: bool) -> Push:
    """A push to these hosts, some of which are done already; PushError if the canaries were all of several hosts.

    What was done counts once the canaries had proved the release: else they are asked again, and watched.
    """
    if 1 < len(hosts) <= terms.canary:
        raise PushError(f"{terms.canary} canaries of {len(hosts)} hosts would be all at once: take fewer")
    order = tuple(host.name for host in ordered(hosts))
    good = {name: one for name, one in done.items() if proved and name in order and one.state.good}
    return Push(order=order, terms=terms, results=good, proved=proved)


def next_hosts(push: Push) -> tuple[str, ...]:
    """The hosts to begin with now; none while it waits for something, or nothing is left."""
    allowed: Collection[str]
    match push.stage:
        case PushStage.CANARY:
            allowed = push.canaries
        case PushStage.REST:
            allowed = push.order
        case _:
            return ()
    free = push.terms.parallel - len(push.running)
    return tuple(name for name in push.waiting if name in allowed)[: max(0, free)]


def started(push: Push, names: Collection[str]) -> Push:
    """These hosts are under way."""
    return replace(push, running=push.running.union(names))


def ended(push: Push, result: HostResult) -> Push:
    """One host's result; it may halt the push: a canary that is not good at once, others by what they say against the
    release."""
    after = replace(push, results={**push.results, result.host: result}, running=push.running.difference([result.host]))
    if after.halted is not None:
        return after
    if not after.proved and not result.state.good:
        return replace(after, halted=f"canary {result.host} is {result.state}: {_why(result)}")
    if after.failed > after.terms.max_failed:
        return replace(after, halted=f"{after.failed} failed, the last {result.host}: {_why(result)}")
    return after


def soaked(push: Push, again: Sequence[HostResult]) -> Push:
    """The canaries after the soak: asked again, each must still be what it was, since the same start, and no sicker."""
    for now in again:
        against = _against(push.results[now.host], now)
        if against is not None:
            return replace(push, halted=f"canary {now.host} {against}")
    return replace(push, proved=True)


def halted(push: Push, why: str) -> Push:
    """Nothing more is begun."""
    return replace(push, halted=push.halted or why)


def closed(push: Push) -> tuple[HostResult, ...]:
    """A result for every host, in order; those that never had their turn are skipped."""
    why = push.halted or ""
    return tuple(
        push.results.get(name) or HostResult(host=name, state=HostState.SKIPPED, detail=why) for name in push.order
    )


def _why(result: HostResult) -> str:
    return result.detail or result.state.sentence


def _against(before: HostResult, now: HostResult) -> str | None:
    if not now.state.good:
        return f"is {now.state} after the soak: {_why(now)}"
    if now.boot_id != before.boot_id:
        return "started anew within the soak"
    if now.health != before.health and now.health in _SICK:
        return f"became {now.health} within the soak"
    return None

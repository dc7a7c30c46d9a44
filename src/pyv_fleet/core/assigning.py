"""Values of single devices, given to one first and then to a few at a time: how each does, and who is next."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from pyv_fleet.core.views import AssignmentView, DeviceView
from pyv_fleet.core.words import MemberStanding
from pyvorin_edge.vocabulary import Connectivity, HealthStatus, LagKind, Phase


class Given(msgspec.Struct, frozen=True):
    """A device that was given its values, and how it does."""

    device_id: str
    standing: MemberStanding


def standing_of(device: DeviceView, told: AssignmentView) -> MemberStanding:
    """How a device does with the values that it was given; one that is away takes them when it comes back."""
    if device.connectivity is not Connectivity.ONLINE:
        return MemberStanding.DEFERRED
    if not told.heard or device.phase is not Phase.SETTLED:
        return MemberStanding.APPLYING
    if device.drift.lag is LagKind.FAILED:
        return MemberStanding.FAILED
    if device.drift.lag is not None:
        return MemberStanding.APPLYING
    return MemberStanding.COMMITTED if device.health_status is HealthStatus.HEALTHY else MemberStanding.UNHEALTHY


def rested(given: Sequence[Given]) -> bool:
    """Whether no device of a step is still at it."""
    return all(one.standing is not MemberStanding.APPLYING for one in given)


def bad(given: Sequence[Given]) -> tuple[str, ...]:
    """Devices that did not take their values, or fell ill with them: nobody else gets any."""
    good = (MemberStanding.COMMITTED, MemberStanding.DEFERRED)
    return tuple(one.device_id for one in given if one.standing not in good)


def steps(device_ids: Sequence[str], online: frozenset[str], at_once: int) -> tuple[tuple[str, ...], ...]:
    """One that is online first, then so many at once, those that are away last."""
    ordered = sorted(device_ids, key=lambda one: (one not in online, one))
    if not ordered:
        return ()
    rest = ordered[1:]
    return ((ordered[0],), *(tuple(rest[n : n + at_once]) for n in range(0, len(rest), at_once)))

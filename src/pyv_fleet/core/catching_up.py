"""When a controller has caught up with its fleet, and whether its store is behind what devices hold. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from pyv_fleet.core.words import CatchUp
from pyvorin_edge.cadence import fleet_reconnect_seconds

#: beyond the time in which a fleet comes back to its broker
GRACE_SECONDS = 5.0
#: of a channel's devices that reported, one in so many must hold what the store does not know: a single device that
#: lies must not be able to stop a channel
ONE_IN = 10


class Behind(msgspec.Struct, frozen=True, kw_only=True):
    """Devices of a channel hold a directive that the store does not know."""

    channel: str
    known: int
    #: the highest that is reported
    reported: int
    #: who holds a higher one, by id
    devices: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """What is known of it, for people."""
        first, several = self.devices[0], len(self.devices)
        who = f"{several} devices, {first} among them," if several > 1 else first
        return (
            f"channel {self.channel}: {who} reported directive {self.reported}, and the newest that this store knows "
            f"is {self.known}"
        )


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far catching up is."""

    stage: CatchUp
    #: devices that were online when the store last knew, or whose orders stood at the broker
    expected: int = 0
    #: those among them that have reported since
    heard: int = 0
    #: of catching up so far
    waited_seconds: float = 0.0
    #: at most, for devices
    limit_seconds: float = 0.0
    #: what was newer at the broker than in the store, for people
    taken: str = ""

    @property
    def sentence(self) -> str:
        """For people, and for whoever is told to come again."""
        match self.stage:
            case CatchUp.BROKER:
                return "the broker is waited for: what it holds must be known before anything is ordered"
            case CatchUp.HEARING:
                return (
                    f"{self.heard} of {self.expected} devices have said in {self.waited_seconds:.0f} s what they hold; "
                    f"orders go out when all have, or after {self.limit_seconds:.0f} s"
                )
            case _:
                return "orders go out"


def limit_seconds(devices: int) -> float:
    """How long devices are waited for: as long as such a fleet needs to come back to a broker, and some."""
    return fleet_reconnect_seconds(devices) + GRACE_SECONDS


def heard_enough(expected: Collection[str], heard: Collection[str], waited_seconds: float, devices: int) -> bool:
    """Whether to go on: everybody who should be there has said what he holds, or was waited for long enough."""
    return waited_seconds >= limit_seconds(devices) or set(expected) <= set(heard)


def behind_of(channel: str, known: int, reported: Sequence[tuple[str, int]]) -> Behind | None:
    """Whether the store is behind, by what the channel's devices reported: (device id, generation)."""
    ahead = tuple(sorted(device_id for device_id, generation in reported if generation > known))
    if len(ahead) * ONE_IN <= len(reported):
        return None
    return Behind(channel=channel, known=known, reported=max(generation for _, generation in reported), devices=ahead)

"""What time it is for the queue: the wall clock for people, boot time for leases and ages.

A device without a clock chip starts in 1970 or in last week and jumps when it hears the time. So what decides whether
an item is lost (its age) or sent twice (its lease) is counted on boot time, which all processes share and nobody sets.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class Moment(msgspec.Struct, frozen=True):
    """One moment."""

    #: Unix seconds
    wall: float
    #: seconds since the machine's boot, sleep included
    uptime: float
    #: which boot: uptimes of two boots are not comparable
    boot: int
    #: whether the wall clock can be believed
    synced: bool


class QueueClock:
    """Reads the clocks. The defaults are the machine's."""

    def __init__(
        self,
        wall: Callable[[], float] = time.time,  # noqa: TID251 - the queue's clock
        uptime: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
        synced: Callable[[], bool] = lambda: True,
        boot: int | None = None,
    ) -> None:
        self.wall = wall
        self.uptime = uptime
        self._synced = synced
        self._boot = this_boot() if boot is None else boot

    def now(self) -> Moment:
        """The moment."""
        return Moment(self.wall(), self.uptime(), self._boot, self._synced())


def this_boot(path: Path = _BOOT_ID) -> int:
    """A number for this boot; 0 where the machine has no boot id, and then all boots count as one."""
    try:
        return int(path.read_text(encoding="ascii").strip().replace("-", "")[:12], 16)
    except (OSError, ValueError):
        return 0

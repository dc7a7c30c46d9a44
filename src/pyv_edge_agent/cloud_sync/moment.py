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

ASK_SECONDS: Final = 1.0
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
        self._ask_synced = synced
        self._synced = False
        self._asked: float | None = None
        self._boot = this_boot() if boot is None else boot

    def now(self) -> Moment:
        """The moment. Whether the clock is believed is asked once a second: that costs more than all else here."""
        uptime = self.uptime()
        if self._asked is None or not 0 <= uptime - self._asked < ASK_SECONDS:
            self._asked, self._synced = uptime, self._ask_synced()
        return Moment(self.wall(), uptime, self._boot, self._synced)


def this_boot(path: Path = _BOOT_ID) -> int:
    """A number for this boot; 0 where the machine has no boot id, and then all boots count as one."""
    try:
        return int(path.read_text(encoding="ascii").strip().replace("-", "")[:12], 16)
    except (OSError, ValueError):
        return 0

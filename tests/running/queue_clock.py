"""A queue's clocks by hand: `tick` lets time pass, `step` sets the wall clock, `reboot` begins a new boot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pyv_edge_agent.cloud_sync.moment import Moment
from pyv_edge_agent.cloud_sync.queue import CloudSyncQueue


class HandClock:
    """Wall clock and boot time."""

    def __init__(self, wall: float = 1_700_000_000.0) -> None:
        self.wall = wall
        self.uptime = 1000.0
        self.boot = 7
        self.synced = True

    def tick(self, seconds: float) -> None:
        self.wall += seconds
        self.uptime += seconds

    def step(self, seconds: float) -> None:
        self.wall += seconds

    def reboot(self, off_seconds: float = 10.0) -> None:
        self.wall += off_seconds
        self.uptime = 5.0
        self.boot += 1

    def now(self) -> Moment:
        return Moment(self.wall, self.uptime, self.boot, self.synced)


def queue_on(path: Path, clock: HandClock, **options: Any) -> CloudSyncQueue:
    """A queue that lives by that clock, with all jitter at its most."""
    queue = CloudSyncQueue(
        path, clock=lambda: clock.wall, uptime=lambda: clock.uptime, synced=lambda: clock.synced,
        **{"device_id": "FLEET-1", "jitter": lambda: 1.0, **options},
    )  # fmt: skip
    queue._clock.now = clock.now  # type: ignore[method-assign] # the boot too
    return queue

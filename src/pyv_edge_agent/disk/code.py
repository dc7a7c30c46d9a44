"""Which bundle is in force: the launcher's file and the `current` link, moved together, and the code that runs."""

from __future__ import annotations

import os
from pathlib import Path

from pyv_edge_agent.core.launching import INSTALLED, Fell, established, tried
from pyv_edge_agent.disk.ballast import lay_ballast
from pyv_edge_agent.disk.bundles import BundleSlots
from pyv_edge_agent.disk.launch_file import code_of, read_launch, write_launch
from pyvorin_edge.identity import Digest


class CodeInForce:
    """Of one state directory; `running` is the slot whose code this process runs. DiskError where the disk refuses."""

    def __init__(self, state: Path, slots: BundleSlots, running: str) -> None:
        self._state = state
        self.slots = slots
        self._running = running

    @property
    def runs(self) -> bool:
        """Whether this process runs the code that is in force."""
        return code_of(self._state, read_launch(self._state).slot) == self._running

    @property
    def fallen(self) -> Fell | None:
        """What the launcher gave up before this start."""
        return read_launch(self._state).fallen

    @property
    def rescued_from(self) -> str | None:
        """The slot that proved itself once and does not start any more; none = what runs is what should."""
        launch = read_launch(self._state)
        return launch.good if launch.trial is None and launch.slot != launch.good else None

    def keep_room(self) -> None:
        """Have room for the last words on a full disk, if there is some now."""
        lay_ballast(self._state, os.urandom)

    def put_in_force(self, slot: Digest | None, good: Digest | None) -> bool:
        """The slot is what is started from now on; on trial, if another is good. False if its files are not there."""
        name = slot or INSTALLED
        if slot is not None and not self.slots.holds(slot):
            return False
        write_launch(self._state, tried(read_launch(self._state), name, good or INSTALLED))
        self.slots.point_at(name)
        return True

    def establish(self, slot: Digest | None) -> None:
        """It proved itself: no starts of it are counted. Nothing, if its files are not there."""
        if slot is None or self.slots.holds(slot):
            write_launch(self._state, established(slot or INSTALLED))
            self.slots.point_at(slot or INSTALLED)

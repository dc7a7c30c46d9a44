"""A simulated device's disk, where one is asked for: memory and live config fsynced before any effect, as a real agent
does it (rule 3), by the same journal. It is not read back: a process that starts begins with what enrolment gave."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pyv_edge_agent.core.memory import FILES, Memory, parts
from pyv_edge_agent.disk.atomic import write_durably
from pyv_edge_agent.disk.journal import Journal

LIVE: Final = "config.toml"


class Kept:
    """One device's directory. DiskError if it cannot be written: then the simulation ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._journal = Journal(folder)
        for name in FILES.values():
            self._journal.read(name)  # what is not there need not be removed
        self._live: bytes | None = None
        #: how often something was written, and what the disk was asked to fsync for it: files and directories
        self.writes = 0
        self.fsyncs = 0

    def remember(self, memory: Memory) -> None:
        """On disk when this returns, all of it or none; nothing if it was so already."""
        wanted = parts(memory)
        changed = self._journal.write(wanted)
        if changed:
            self.writes += 1
            together = 3 if len(changed) > 1 else 0  # `pending`, written and removed
            self.fsyncs += together + sum(1 if wanted[name] is None else 2 for name in changed)

    def keep_live(self, data: bytes) -> None:
        """The config in force, likewise."""
        if data != self._live:
            write_durably(self._folder / LIVE, data)
            self._live = data
            self.writes += 1
            self.fsyncs += 2

"""A disk in memory that knows the rules: power may go at any write, and no effect may come before its intent."""

from __future__ import annotations

from collections.abc import Mapping

from pyv_edge_agent.core import effects as do
from pyv_edge_agent.core.launching import Launch
from pyv_edge_agent.core.memory import Installed, Memory, from_parts
from pyvorin_edge import wire
from pyvorin_edge.envelope import open_envelope
from pyvorin_edge.identity import digest_of
from pyvorin_edge.orders import Directive, decode_order
from pyvorin_edge.report import Report
from pyvorin_edge.vocabulary import Phase


class PowerCut(Exception):
    """The power went; what is on disk is all that is left."""


class DiskFull(Exception):
    """Nothing can be written."""


class MemoryDisk:
    """Files of rule 3, the store by digest, the live file. `power_for` counts writes and effects until the cut."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.releases: dict[str, bytes] = {}
        self.blobs: dict[str, bytes] = {}
        #: bundles, by slot, and what the launcher remembers
        self.slots: frozenset[str] = frozenset()
        self.launch = Launch()
        self.live: bytes | None = None
        self.full = False
        #: none = the power stays
        self.power_for: int | None = None

    def spend(self) -> None:
        """One act that a power cut may come before."""
        if self.power_for is None:
            return
        if self.power_for == 0:
            raise PowerCut
        self.power_for -= 1

    def write(self, parts: Mapping[str, bytes | None]) -> None:
        """One file after the other, each whole or not at all; in the order given."""
        for name, data in parts.items():
            if self.files.get(name) == data:
                continue
            self.spend()
            if data is None:
                self.files.pop(name, None)
            else:
                self.files[name] = data

    def memory(self) -> Memory:
        """What a start would find."""
        return from_parts(dict(self.files))

    def keep_blob(self, digest: str, data: bytes) -> None:
        if self.full:
            raise DiskFull
        assert digest_of(data) == digest
        self.blobs[digest] = data

    def intended(self, effect: do.Effect) -> None:
        """Rule 3: what an effect is for stands on the disk before it happens."""
        memory = self.memory()
        match effect:
            case do.Switch(installed, good):
                assert memory.committed == good, "the launcher would go back to what is not committed"
                self._switch_intended(memory, installed)
            case do.Stage(installed, data):
                assert memory.trial is not None, "staged without a trial on disk"
                assert memory.trial.staged == installed, "another thing is staged than the disk says"
                assert digest_of(data) == installed.file
            case do.WriteLive(installed):
                assert memory.committed == installed, "only what is committed is written over a live file"
                assert memory.trial is None, "no remedy while an update is under way"
            case do.Publish(topic=topic, payload=payload) if topic.endswith("/report"):
                self._told_truly(memory, payload)
            case do.Establish(installed):
                assert memory.committed == installed, "the launcher is told to rely on what is not committed"
            case do.Prune(releases, blobs, slots):
                kept = [one for one in (memory.committed, *memory.previous) if one is not None]
                assert {one.file for one in kept} <= blobs, "a file is thrown away that going back needs"
                assert {one.release for one in kept if one.release} <= releases
                assert {one.slot for one in kept if one.slot} <= slots
            case _:
                return

    def _switch_intended(self, memory: Memory, installed: Installed) -> None:
        trial = memory.trial
        assert trial is not None, "switched without a trial on disk"
        assert trial.phase in (Phase.SWITCHING, Phase.REVERTING), f"switched while {trial.phase}"
        wanted = trial.staged if trial.phase is Phase.SWITCHING else memory.committed
        assert wanted == installed, "something else is put in force than the disk says"
        assert installed.file in self.blobs, "the file is not durable in the store"

    def _told_truly(self, memory: Memory, payload: bytes) -> None:
        report = wire.decode(payload, Report, limit_bytes=wire.REPORT_BYTES_MAX)
        assert report.boot == memory.state.boot, "a report before the start was counted on disk"
        assert report.result == memory.state.result, "a result is told before it is durable"
        assert report.refused == memory.state.refused
        told = report.generation == 0 or report.generation == directive_of(memory.directive).generation
        assert told, "an order is told of before it is durable"


def directive_of(data: bytes | None) -> Directive:
    """The directive that lies on the disk."""
    assert data is not None, "a directive is told of that is not on the disk"
    return decode_order(open_envelope(data).payload, Directive)

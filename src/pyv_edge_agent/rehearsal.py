"""What a parcel would do to this device, found out without doing it: `pyv-edge-agent apply --check`.

The same core judges the same orders, on what the state directory says. Nothing is written, and no agent is asked.
"""

from __future__ import annotations

import os
from http import HTTPStatus
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from pyv_edge_agent.at_rest import look
from pyv_edge_agent.core import events as ev
from pyv_edge_agent.core.aim import CAN_BUNDLE, aimed_at, barred, judged_by, objection
from pyv_edge_agent.core.brain import step
from pyv_edge_agent.core.device import Device
from pyv_edge_agent.core.differences import changes
from pyv_edge_agent.disk.launch_file import slot_directory
from pyv_edge_agent.disk.slots import SlotKind, peek
from pyv_edge_agent.parcel import WORDS, Action, take_parcel
from pyv_edge_agent.state_dir import StateDir
from pyv_edge_agent.updater import Clock
from pyvorin_edge.carrying import ChangeSeen, Foreseen
from pyvorin_edge.config.formats import parse
from pyvorin_edge.config.layers import render
from pyvorin_edge.drift import differing_paths
from pyvorin_edge.envelope import open_envelope
from pyvorin_edge.errors import PyvorinError
from pyvorin_edge.identity import Digest
from pyvorin_edge.orders import Release, Target, decode_order
from pyvorin_edge.trust import holds
from pyvorin_edge.vocabulary import ParcelOutcome, Role, Would


class Rehearsal:
    """A device that only thinks; what a parcel lays in lies in memory."""

    def __init__(self, place: StateDir, config: Path | None, agent_version: str, clock: Clock) -> None:
        """NotAllowed or DiskError if the state directory cannot be read."""
        sight = look(place, config, clock.now(), agent_version, os.environ)
        # whether its launcher runs it cannot be seen from here
        self._device = replace(sight.device, facts=replace(sight.device.facts, caps=(CAN_BUNDLE,)))
        self._live = sight.live
        self._place, self._clock = place, clock
        self._releases: dict[Digest, bytes] = {}
        self._blobs: dict[str, bytes] = {}

    @property
    def device(self) -> Device:
        """As it would be."""
        return self._device

    @property
    def trouble(self) -> None:
        """There is no disk to refuse."""

    def call(self, action: Action) -> None:
        """There is no other thread to run it in."""
        action()

    def feed(self, event: ev.Event) -> None:
        """Decided, and nothing done."""
        self._device, _ = step(self._device, event, self._clock.now())

    def lay_in(self, release: Digest, envelope: bytes, sha256: Digest, blob: bytes | None) -> None:
        """A verified release and its config."""
        self._releases[release] = envelope
        if blob is not None:
            self._blobs[sha256] = blob

    def foresee(self, parcel: bytes) -> Foreseen:
        """What would come of this parcel."""
        status, said = take_parcel(self, parcel)
        device = self._device
        found = Foreseen(
            outcome=ParcelOutcome.REHEARSED, said=said, would=Would.REFUSE, device_id=device.facts.device_id
        )
        if status != HTTPStatus.OK:
            return replace(found, outcome=WORDS[status])
        target = aimed_at(device.facts.device_id, device.memory, device.directive, device.assignment)
        if target is None:
            return replace(found, would=Would.NOTHING, said="it orders nothing for this device")
        release = self._release(target.release)
        if release is None:
            return replace(found, would=Would.UPDATE, said=f"release {target.release[:12]} is not in it: it is fetched")
        would, said = _judged(device, target, release)
        return replace(
            found,
            would=would,
            said=said,
            version=release.version,
            changes=self._changes(release),
            lacks_bundle=self._lacking(release),
        )

    def _release(self, digest: Digest) -> Release | None:
        data = self._releases.get(digest) or peek(self._place.store, SlotKind.RELEASES, digest)
        if data is None:
            return None
        try:
            envelope = open_envelope(data)
            signed = holds(self._device.trust, Role.RELEASE, envelope)
            return decode_order(envelope.payload, Release) if signed else None
        except PyvorinError:
            return None

    def _changes(self, release: Release) -> tuple[ChangeSeen, ...] | None:
        sha256, assignment = release.config.sha256, self._device.assignment
        blob = self._blobs.get(sha256) or peek(self._place.store, SlotKind.BLOBS, sha256)
        if blob is None:
            return None
        overlay = assignment.overlay if assignment is not None else None
        then: Any = parse(render(blob, release.config.format, overlay), release.config.format)
        paths = differing_paths(self._live, then)
        found = changes(then, self._live, paths)
        return tuple(ChangeSeen(path=one.path, now=one.live, then=one.applied) for one in found)

    def _lacking(self, release: Release) -> str | None:
        bundle = release.bundle
        if bundle is None or slot_directory(self._place.root, bundle.manifest_sha256).is_dir():
            return None
        return bundle.sha256


def _judged(device: Device, target: Target, release: Release) -> tuple[Would, str]:
    memory = device.memory
    if memory.committed is not None and memory.committed.holds(target):
        return Would.NOTHING, f"release {release.version} is in force already"
    against = objection(release, target.release, device)
    if against is not None:
        return Would.REFUSE, f"{against[0].sentence}: {against[1]}"
    if barred(memory, target, judged_by(device.trust, memory, device.facts.agent_version)):
        return (
            Would.REFUSE,
            f"release {release.version} is in quarantine here: it ended badly, and this is no new attempt",
        )
    return Would.UPDATE, f"it would go to release {release.version}"

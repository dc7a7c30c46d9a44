"""A parcel for a device whose agent does not run: its orders become durable, and the next start obeys them (rule 3)."""

from __future__ import annotations

import os
from pathlib import Path

from pyv_edge_agent.core import effects as do
from pyv_edge_agent.core import events as ev
from pyv_edge_agent.core.brain import step, wake
from pyv_edge_agent.core.device import Device, Facts
from pyv_edge_agent.core.memory import parts
from pyv_edge_agent.disk.atomic import DiskError, read_bytes
from pyv_edge_agent.disk.bundles import BundleSlots, sha256_of
from pyv_edge_agent.disk.journal import Journal
from pyv_edge_agent.disk.slots import SlotKind, Slots
from pyv_edge_agent.enrolled import read_enrolled, read_trust, with_join
from pyv_edge_agent.link.interface import LinkError
from pyv_edge_agent.parcel import Action
from pyv_edge_agent.provision import known_device_id
from pyv_edge_agent.state_dir import StateDir
from pyv_edge_agent.updater import Clock, read_memory
from pyvorin_edge.envelope import open_envelope
from pyvorin_edge.errors import PyvorinError
from pyvorin_edge.identity import Digest
from pyvorin_edge.orders import Release, decode_order
from pyvorin_edge.parcels import decode_parcel


def lay_in_bundle(place: StateDir, parcel: bytes, archive: Path) -> None:
    """Put an archive where the device looks before it fetches: for the release of the parcel that names it.

    Nothing in the parcel is believed here: the device verifies all of it. ValueError if no release names this archive,
    DiskError.
    """
    digest = sha256_of(archive)
    if digest not in _named(parcel):
        raise ValueError(f"{archive} (SHA-256 {digest[:12]}…) is not what a release in the parcel names")
    part = BundleSlots(place.root).download(digest)
    try:
        with archive.open("rb") as given, part.open("wb") as taken:
            while piece := given.read(1024 * 1024):
                taken.write(piece)
            taken.flush()
            os.fsync(taken.fileno())
        owner = place.root.stat()
        if os.geteuid() == 0 and owner.st_uid != 0:  # root brings it, the agent's user must read it
            os.chown(part, owner.st_uid, owner.st_gid)
    except OSError as why:
        raise DiskError(part, "write", why) from None


def _named(parcel: bytes) -> frozenset[str]:
    try:
        releases = [open_envelope(text.encode()).payload for text in decode_parcel(parcel).releases]
        bundles = [decode_order(payload, Release).bundle for payload in releases]
    except PyvorinError:
        return frozenset()  # the device says what is wrong with it
    return frozenset(bundle.sha256 for bundle in bundles if bundle is not None)


class AtRest:
    """The device by its files; whoever makes one holds the state's lock. It decides, and performs nothing but keeping:
    what it would have begun, the next start begins (rule 3: level-triggered from disk)."""

    def __init__(self, place: StateDir, config: Path, agent_version: str, clock: Clock) -> None:
        """LinkError if the directory was never provisioned; DiskError, TrustError, IdentityError."""
        name = known_device_id(place.root)
        if name is None:
            raise LinkError(f"{place.root} is no device's state: provision it, or start the agent once")
        self._journal = Journal(place.root)
        self._slots = Slots(place.store)
        self._clock = clock
        memory, enrolled = read_memory(self._journal), read_enrolled(place)
        if enrolled is not None:
            memory = with_join(memory, enrolled.join)
        facts = Facts(device_id=name, agent_version=agent_version)
        self._device = wake(facts, memory, read_trust(place, memory.trust))
        if memory.committed is None:  # before its first start: the provisioned config is what it falls back to
            self.feed(ev.Booted(boot_id="", machine_boot_id="", live=read_bytes(config)))

    @property
    def device(self) -> Device:
        """As it will wake."""
        return self._device

    @property
    def trouble(self) -> None:
        """What the disk does not take is raised here."""

    def call(self, action: Action) -> None:
        """There is no other thread to run it in."""
        action()

    def feed(self, event: ev.Event) -> None:
        """One event: decided, durable; DiskError."""
        self._device, effects = step(self._device, event, self._clock.now())
        self._journal.write(parts(self._device.memory))
        for effect in effects:
            match effect:
                case do.KeepRelease(digest, envelope):
                    self._slots.keep(SlotKind.RELEASES, digest, envelope)
                case do.KeepBlob(digest, data):
                    self._slots.keep(SlotKind.BLOBS, digest, data)

    def lay_in(self, release: Digest, envelope: bytes, sha256: Digest, blob: bytes | None) -> None:
        """As the updater does."""
        self._slots.keep(SlotKind.RELEASES, release, envelope)
        if blob is not None:
            self._slots.keep(SlotKind.BLOBS, sha256, blob)

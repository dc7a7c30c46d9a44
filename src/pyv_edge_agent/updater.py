"""Performs what the core asks: memory durable first, then each effect; what comes of it is the next event."""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from pyv_edge_agent.core import events as ev
from pyv_edge_agent.core.brain import due_at, step
from pyv_edge_agent.core.device import Device
from pyv_edge_agent.core.launching import INSTALLED
from pyv_edge_agent.core.memory import Installed, Memory, parts
from pyv_edge_agent.delivery import Delivery, Route
from pyv_edge_agent.disk.atomic import DiskError
from pyv_edge_agent.disk.code import CodeInForce
from pyv_edge_agent.disk.journal import Journal
from pyv_edge_agent.disk.slots import SlotKind
from pyv_edge_agent.link.interface import Link, Self
from pyv_edge_agent.performer import Disk, Performer, Surroundings
from pyv_edge_agent.pulse import Beat, unwatched
from pyvorin_edge import wire
from pyvorin_edge.cadence import slower
from pyvorin_edge.envelope import open_envelope
from pyvorin_edge.errors import PyvorinError
from pyvorin_edge.identity import Digest
from pyvorin_edge.trust import Link as Whereabouts
from pyvorin_edge.wire import BLOB_BYTES_MAX

logger = logging.getLogger(__name__)

#: What could not be made durable is tried again so much later.
DISK_RETRY_SECONDS: Final = 5.0
#: The longest silence of the worker; the watchdog finds a dead one that much later.
WAIT_SECONDS_MAX: Final = 60.0
#: A core that is due and does nothing must not turn the worker into a spinning one.
WAIT_SECONDS_MIN: Final = 0.02
#: Messages that wait to be looked at; beyond, they are dropped: all that counts is retained, or asked again.
ARRIVED_MAX: Final = 1000
CALL_SECONDS: Final = 30.0

Action = Callable[[], None]


class UnknownRelease(LookupError):
    """`rollback_to` of a version that this device does not hold; the message names those it does."""


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> ev.Now:
        """The moment."""

    def uptime_seconds(self) -> float:
        """Seconds since the agent's start."""


class OTAUpdater:
    """One worker thread, one queue of events. Any thread may `put`; the device it shows is a frozen value."""

    def __init__(
        self, device: Device, disk: Disk, link: Link, around: Surroundings, clock: Clock, beat: Beat = unwatched
    ) -> None:
        """`beat` is called each time the worker comes round, with the seconds that it will rest, and as it goes on."""
        self._device = device
        self._disk = disk
        self._link = link
        route = Route(around.route.passport, lambda: self._download_rate(around.route.bytes_per_second()))
        self._delivery = Delivery(disk.code.slots, route, self.put)
        self._performer = Performer(disk, self._delivery, link, around, self.put)
        self._around = around
        self._clock = clock
        self._beat = beat
        self._inbox: queue.SimpleQueue[ev.Event | Action | None] = queue.SimpleQueue()
        self._later: list[tuple[float, ev.Event]] = []
        self._health_at = 0.0
        self._joined = False
        #: why the last event could not be made durable; none since one was
        self.trouble: str | None = None
        self._worker: threading.Thread | None = None

    @property
    def unusable(self) -> str | None:
        """Why no config could be loaded, such as a secret that is gone; none while one is in force, or none was
        tried."""
        return self._performer.unusable

    @property
    def device(self) -> Device:
        """What the core knows now."""
        return self._device

    def start(self, boot_id: str, machine_boot_id: str) -> None:
        """Enter the state again that the last start left (rule 4), then work and connect.

        A start that cannot be made durable (a full disk) is none for the fleet: the device does its daily work on what
        was committed, says why in its health, and joins once it can be written.
        """
        self._set_pace()
        code = self._disk.code
        booted = ev.Booted(
            boot_id=boot_id,
            machine_boot_id=machine_boot_id,
            live=self._performer.read_live(),
            fallen=_fallen(code),
        )
        self._feed(booted)
        committed = self._device.memory.committed
        if not self._has_booted and committed is not None:
            self._performer.load_live(committed)
        self._join()
        self._beat()  # a worker that never comes round once is stuck too
        self._worker = threading.Thread(target=self._work, name="updater", daemon=True)
        self._worker.start()

    @property
    def rescued(self) -> str | None:
        """Why the installed agent runs in the place of what was committed; none if it does not."""
        code = self._disk.code
        fell = code.rescued_from
        if fell is None:
            return None
        why = "does not start" if code.slots.holds(fell) else "is gone, and is fetched again"
        return f"the code of bundle {fell[:12]}… {why}: the installed agent runs"

    @property
    def _has_booted(self) -> bool:
        return bool(self._device.boot_id)

    def _join(self) -> None:
        """Connect, once the start is counted on disk: before, the fleet would take it for the one before."""
        if self._has_booted and not self._joined:
            self._joined = True
            device = self._device
            me = Self(device_id=device.facts.device_id, boot=device.memory.state.boot, boot_id=device.boot_id)
            self._link.start(me, self)

    def stop(self, within_seconds: float = 4.0) -> None:
        """Finish what is under way, say goodbye, end."""
        if self._worker is not None:
            self._inbox.put(None)
            self._worker.join(within_seconds / 2)
            self._worker = None
        self._delivery.leave()
        self._performer.leave_hooks()
        self._link.stop(within_seconds / 2)

    def put(self, event: ev.Event) -> None:
        """An event, to be fed in its turn."""
        self._inbox.put(event)

    def call(self, action: Action) -> None:
        """Run `action` in the worker and wait for it; what it raises is raised here."""
        done = threading.Event()
        raised: list[BaseException] = []

        def act() -> None:
            try:
                action()
            except BaseException as why:  # noqa: BLE001 - handed to whoever waits
                raised.append(why)
            finally:
                done.set()

        self._inbox.put(act)
        if not done.wait(CALL_SECONDS):
            raise TimeoutError(f"the agent did not get to it within {CALL_SECONDS:g} s")
        if raised:
            raise raised[0]

    def feed(self, event: ev.Event) -> None:
        """One event and all that comes of it. Only from within `call`, or before the worker runs."""
        self._feed(event)

    def rollback_to(self, target_version: str) -> None:
        """The article's: go back to a release that is held, durably, until other orders come (rule 15).

        UnknownRelease if it is not held. Returns once the choice is durable, before it is proved; OSError if the disk
        does not take it now (it is tried again).
        """
        held = [one.version for one in held_releases(self._device.memory) if one.version is not None]
        if target_version not in held:
            raise UnknownRelease(f"release {target_version!r} is not held here; held: {', '.join(held) or 'none'}")

        def choose() -> None:
            self.feed(ev.RolledBackByHand(version=target_version))
            if self.trouble is not None:
                raise OSError(f"not durable yet, tried again in {DISK_RETRY_SECONDS:g} s: {self.trouble}")

        self.call(choose)

    def pardon(self, release: Digest) -> None:
        """Let a person at the device have a quarantined release tried again; every check still stands (rule 15).

        OSError if the disk does not take it now (it is tried again).
        """

        def forget() -> None:
            self.feed(ev.PardonedByHand(release=release))
            if self.trouble is not None:
                raise OSError(f"not durable yet, tried again in {DISK_RETRY_SECONDS:g} s: {self.trouble}")

        self.call(forget)

    def pass_lock(self) -> bool:
        """Let the update under way be put in force in spite of the update lock; whether one is under way."""
        before = self._device.memory.trial
        self.call(lambda: self.feed(ev.LockPassedByHand()))
        return before is not None

    def version_of(self, release: Digest) -> str | None:
        """What people call a release, if its envelope lies in the store; none if not."""
        envelope = self._disk.slots.read(SlotKind.RELEASES, release)
        return None if envelope is None else version_in(envelope)

    def reload(self) -> None:
        """SIGHUP: load the live file if it validates, else write the committed one back first (rule 15)."""
        committed = self._device.memory.committed
        if committed is not None:
            self.call(lambda: self._feed_all(self._performer.load_live(committed)))

    def look_at_live(self) -> None:
        """The live file may have changed."""
        self.put(self._performer.live_seen())

    def lay_in(self, release: Digest, envelope: bytes, sha256: Digest, blob: bytes | None) -> None:
        """Store a verified release and its config, brought by a parcel. Only from within `call`."""
        self._disk.slots.keep(SlotKind.RELEASES, release, envelope)
        if blob is not None:
            self._disk.slots.keep(SlotKind.BLOBS, sha256, blob)

    # what the link tells: see Listener

    def connected(self, conn: int, whereabouts: Whereabouts) -> None:
        """See Listener."""
        self.put(ev.Connected(candidate=whereabouts == self._performer.candidate))

    def disconnected(self, why: str) -> None:
        """See Listener."""
        self.put(ev.Disconnected())

    def arrived(self, topic: str, payload: bytes, retained: bool) -> None:
        """See Listener."""
        if self._inbox.qsize() < ARRIVED_MAX:
            # what is too large is refused in any case, and need not wait whole
            self.put(ev.Arrived(topic, payload[: BLOB_BYTES_MAX + 1], retained))

    def delivered(self, tag: int) -> None:
        """See Listener."""
        self.put(ev.Acknowledged(tag))

    # the worker

    def _download_rate(self, own: int) -> int:
        """The lower of the device's own limit and its directive's; 0 = none."""
        return slower(own, self._device.pace.download_bytes_per_second)

    def _work(self) -> None:
        while True:
            wait_seconds = self._wait_seconds()
            self._beat(wait_seconds)
            try:
                item = self._inbox.get(timeout=wait_seconds)
            except queue.Empty:
                item = ev.Ticked()
            self._beat()
            if item is None:
                return
            try:
                self._turn(item)
            except Exception:
                logger.exception("an event could not be handled")

    def _turn(self, item: ev.Event | Action) -> None:
        if callable(item):
            item()
        else:
            self._feed(item)
        self._catch_up()

    def _catch_up(self) -> None:
        """What is due by the clock: health, and what a full disk had put off."""
        now = self._clock.uptime_seconds()
        if now >= self._health_due():
            self._health_at = now
            self._feed(ev.HealthSeen(self._around.health()))
        due = [event for at, event in self._later if at <= now]
        self._later = [(at, event) for at, event in self._later if at > now]
        for event in due:
            self._feed(event)
        self._join()

    def _wait_seconds(self) -> float:
        due = [due_at(self._device), self._health_due(), *(at for at, _ in self._later)]
        return min(max(min(due) - self._clock.uptime_seconds(), WAIT_SECONDS_MIN), WAIT_SECONDS_MAX)

    def _health_due(self) -> float:
        idle_seconds = self._device.facts.limits.health_idle_seconds
        return self._health_at + (self._performer.health_every_seconds or idle_seconds)

    def _feed(self, event: ev.Event) -> None:
        waiting = deque([event])
        while waiting:
            event = waiting.popleft()
            now = self._clock.now()
            after, effects = step(self._device, event, now)
            try:
                self._remember(after.memory)
            except DiskError as why:
                logger.error("%s; the device stays as it is and tries again", why)
                self.trouble = str(why)
                self._put_off(event)
                continue
            before, self._device = self._device, after
            if self._disk.history is not None:
                self._disk.history.note(before, after, now)
            if after.pace != before.pace:
                self._set_pace()
            for effect in effects:
                waiting.extend(self._performer.perform(effect))

    def _set_pace(self) -> None:
        pace = self._device.pace
        self._link.pace(keepalive_seconds=pace.keepalive_seconds, reconnect_seconds=pace.reconnect_seconds)

    def _feed_all(self, events: list[ev.Event]) -> None:
        for event in events:
            self.feed(event)

    def _put_off(self, event: ev.Event) -> None:
        if not isinstance(event, ev.Ticked):
            self._later.append((self._clock.uptime_seconds() + DISK_RETRY_SECONDS, event))
            del self._later[:-ARRIVED_MAX]

    def _remember(self, memory: Memory) -> None:
        """PROTOCOL 5, rule 3: on disk before any effect."""
        if memory is not self._device.memory:
            self._disk.journal.write(parts(memory))
            self.trouble = None


def version_in(envelope: bytes) -> str | None:
    """The version that a release's envelope says; it is shown and never obeyed, so it is not verified here."""
    try:
        said = wire.loads_strict(open_envelope(envelope).payload, limit_bytes=wire.ORDER_BYTES_MAX)
    except PyvorinError:
        return None
    version = said.get("version") if isinstance(said, dict) else None
    return version if isinstance(version, str) else None


def _fallen(code: CodeInForce) -> ev.Fallen | None:
    fell = code.fallen
    if fell is None:
        return None
    rescued, lost = code.rescued_from is not None, fell.slot != INSTALLED and not code.slots.holds(fell.slot)
    return ev.Fallen(**{**fell._asdict(), "slot": Digest(fell.slot)}, rescued=rescued, lost=lost)


def held_releases(memory: Memory) -> tuple[Installed, ...]:
    """What can be put in force without the network: the committed one, then earlier ones."""
    return tuple(one for one in (memory.committed, *memory.previous) if one is not None)


def read_memory(journal: Journal) -> Memory:
    """Memory as the journal has it. A part that cannot be understood is set aside and told of, the rest counts."""
    from pyv_edge_agent.core.memory import FILES, from_parts

    found: dict[str, bytes | None] = {file: journal.read(file) for file in FILES.values()}
    version = 1
    while (document := journal.read(f"trust/{version}")) is not None:
        found[f"trust/{version}"] = document
        version += 1
    for file in FILES.values():
        try:
            from_parts({file: found[file]})
        except (msgspec.DecodeError, msgspec.ValidationError) as why:
            logger.error("%s: %s; set aside as %s", file, why, journal.set_aside(file).name)
            found[file] = None
    return from_parts(found)

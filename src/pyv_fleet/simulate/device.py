"""One simulated device: the real core, a disk in memory, sensors by formula. Synchronous; its link is given to it."""

from __future__ import annotations

import logging
import secrets
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, assert_never

from pyv_edge_agent.core import effects as do
from pyv_edge_agent.core import events as ev
from pyv_edge_agent.core.brain import due_at, step, wake
from pyv_edge_agent.core.device import Device, Facts
from pyv_edge_agent.core.memory import Installed, Memory
from pyv_edge_agent.health.document import Agent, Cloud, Ingest, Metrics, Privacy, health_document, status_of
from pyv_fleet.simulate.fault import Ended, Fault
from pyv_fleet.simulate.world import Loaded, World
from pyvorin_edge.config.problem import ConfigError
from pyvorin_edge.identity import digest_of, order_hash
from pyvorin_edge.trust import Link as Whereabouts
from pyvorin_edge.trust import Trust
from pyvorin_edge.vocabulary import Cause

logger = logging.getLogger(__name__)

#: CPU and RAM percent swing by so much around each device's own level
SWING_PERCENT: Final = 3.0


class Carrier(Protocol):
    """What carries a simulated device's messages."""

    def subscribe(self, topics: Sequence[str]) -> None:
        """At QoS 1."""

    def unsubscribe(self, topics: Sequence[str]) -> None:
        """Leave them."""

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool, seq: int | None) -> None:
        """Send; `seq` of a report comes back by an `Acknowledged` event."""

    def use(self, link: Whereabouts | None, candidate: bool) -> None:
        """Reconnect by another link; none = as enrolled."""

    def drop(self) -> None:
        """The process or its network is gone: the connection breaks without a goodbye."""


class Disk(Protocol):
    """Where a device's memory is made durable before any effect, for one that is to cost what a real one costs."""

    def remember(self, memory: Memory) -> None:
        """On disk when this returns."""

    def keep_live(self, data: bytes) -> None:
        """The config in force, likewise."""


class SimulatedDevice:
    """Feeds the core and performs its effects in memory. A restart forgets what a real one would: all but `memory`."""

    def __init__(
        self,
        facts: Facts,
        memory: Memory,
        trust: Trust,
        live: bytes,
        world: World,
        now: Callable[[], ev.Now],
        disk: Disk | None = None,
    ) -> None:
        self.device: Device = wake(facts, memory, trust)
        self.live = live
        #: uptime seconds at which it next wants `tick`
        self.next_at = 0.0
        self.applied_count = 0
        #: its process does not run just now
        self.down = False
        #: it has no network
        self.cut = False
        self._up_at = 0.0
        self._leaks_since: float | None = None
        self._machine_boot_id = ""
        self._world = world
        self._now = now
        self._disk = disk
        self._carrier: Carrier | None = None
        self._loaded: Loaded | None = None
        self._sensors_since = 0.0
        self._health_every = 0.0
        self._health_at = 0.0
        self._readings = 0
        self._level = int(order_hash("cpu", facts.device_id), 16) % 30

    def boot(self, carrier: Carrier, boot_id: str, machine_boot_id: str) -> None:
        """Start it; the carrier connects afterwards."""
        self._carrier = carrier
        self._machine_boot_id = machine_boot_id
        self.feed(ev.Booted(boot_id=boot_id, machine_boot_id=machine_boot_id, live=self.live))

    def feed(self, event: ev.Event) -> None:
        """One event, and all that comes of it; nothing while its process does not run."""
        if self.down:
            return
        try:
            self._work_off(event)
        except Ended as end:  # what was to be done after it is lost, what is in memory was durable before
            self._end(end.seconds)
        else:
            self.next_at = min(due_at(self.device), self._health_at)

    def tick(self) -> None:
        """Its time has come: look at the sensors if that is due, let the core see the clock."""
        now = self._now()
        if self.down:
            self._start_again(now)
            return
        if self._leaked(now) >= 100.0:
            self._end(self._world.around.restart_seconds)
            return
        if now.uptime_seconds >= self._health_at:
            self._health_at = now.uptime_seconds + self._health_every
            self.feed(ev.HealthSeen(self.health(now)))
        self.feed(ev.Ticked())

    def _work_off(self, event: ev.Event) -> None:
        waiting: deque[ev.Event] = deque([event])
        while waiting:
            now = self._now()
            after, effects = step(self.device, waiting.popleft(), now)
            if self._disk is not None and after.memory is not self.device.memory:
                self._disk.remember(after.memory)
            self.device = after
            for effect in effects:
                waiting.extend(self._perform(effect, now))

    def _end(self, seconds: float) -> None:
        self.down = True
        self._up_at = self.next_at = self._now().uptime_seconds + seconds
        if self._carrier is not None:
            self._carrier.drop()

    def _start_again(self, now: ev.Now) -> None:
        """As a supervisor does: what was durable is read, everything else is new."""
        if now.uptime_seconds < self._up_at:
            return
        self.down, self._leaks_since = False, None
        self.device = wake(self.device.facts, self.device.memory, self.device.trust)
        boot_id = secrets.token_hex(16)
        self.feed(ev.Booted(boot_id=boot_id, machine_boot_id=self._machine_boot_id, live=self.live))

    def _leaked(self, now: ev.Now) -> float:
        """Percent of memory that its process holds, if it leaks."""
        if self._leaks_since is None:
            return 0.0
        held = (now.uptime_seconds - self._leaks_since) * self._world.around.leak_percent_per_second
        return 30.0 + self._level / 2 + held

    def health(self, now: ev.Now) -> dict[str, Any]:
        """The document that a real device of the same config would show."""
        since = now.uptime_seconds - self._sensors_since
        sensors = self._loaded.sensors if self._loaded is not None else ()
        connected = tuple(one.settings.name for one in sensors if one.connected_at(since))
        ingest = Ingest(adapters_connected=connected, devices_configured=len(sensors))
        self._readings += len(connected)
        return health_document(
            status_of(ingest),
            metrics=self._metrics(now),
            agent=Agent(running=True, readings_processed=self._readings),
            cloud=Cloud(queue_depth=0),
            privacy=Privacy(enabled=True, rules_active=0),
            ingest=ingest,
        )

    def _metrics(self, now: ev.Now) -> Metrics:
        swing = SWING_PERCENT * ((now.uptime_seconds / 7.0 + self._level) % 2.0 - 1.0)
        return Metrics(
            cpu_percent=round(8.0 + self._level + swing, 1),
            ram_percent=round(max(30.0 + self._level / 2 + swing / 3, min(100.0, self._leaked(now))), 1),
            disk_percent=float(20 + self._level),
            uptime_seconds=round(now.uptime_seconds, 1),
            timestamp=now.wall_ms / 1000,
        )

    def _perform(self, effect: do.Effect, now: ev.Now) -> Sequence[ev.Event]:
        match effect:
            case do.Look(release=release, blob=blob):
                return [self._looked(release, blob)]
            case do.KeepRelease(digest=digest, envelope=data):
                self._world.releases[digest] = data
            case do.KeepBlob(digest=digest, data=data):
                self._world.blobs[digest] = data
            case do.Stage(installed=installed, data=data):
                return [self._stage(installed, data)]
            case do.FetchBundle(bundle=bundle):
                return [ev.BundleReady(bundle.manifest_sha256)]  # a simulated device has no code that could be replaced
            case do.LookAtLock() | do.RunHooks():
                return []  # never asked: it is not guarded
            case do.Switch(installed=installed) | do.WriteLive(installed=installed):
                return [self._switch(installed, now)]
            case do.LoadLive(fallback=fallback):
                return [self._load_live(fallback, now)]
            case do.LookAtHealth(every_seconds=every):
                self._health_every = every
                self._health_at = now.uptime_seconds
            case do.LookAtLive():
                return [self._live_seen()]
            case do.ReadLogs(request_id=request_id):
                return [ev.LogsRead(request_id=request_id, lines=("a simulated device keeps no log",))]
            case do.FetchOverHttp(topic=topic):
                return [ev.FetchedOverHttp(topic=topic, data=None)]
            case do.Log(level=level, text=text):
                logger.log(logging.getLevelName(level.upper()), "%s: %s", self.device.facts.device_id, text)
            case do.Prune() | do.LeaveBundle() | do.Establish() | do.FreeLock() | do.LeaveHooks():
                pass  # the store is everyone's
            case do.Subscribe() | do.Unsubscribe() | do.Publish() | do.UseLink():
                self._carry(effect)
            case _:
                assert_never(effect)
        return []

    def _carry(self, effect: do.Subscribe | do.Unsubscribe | do.Publish | do.UseLink) -> None:
        if self._carrier is None:
            return
        match effect:
            case do.Subscribe(topics=topics):
                self._carrier.subscribe(topics)
            case do.Unsubscribe(topics=topics):
                self._carrier.unsubscribe(topics)
            case do.Publish():
                self._carrier.publish(effect.topic, effect.payload, effect.qos, effect.retain, effect.seq)
            case do.UseLink(link=link, candidate=candidate):
                self._carrier.use(link, candidate)

    def _looked(self, release: Any, blob: Any) -> ev.Looked:
        if release is not None:
            return ev.Looked(release=release, data=self._world.releases.get(release))
        return ev.Looked(blob=blob, data=self._world.blobs.get(blob))

    def _stage(self, installed: Installed, data: bytes) -> ev.Event:
        try:
            self._world.load(installed.file, data)
        except ConfigError as why:
            return ev.StageFailed(code=Cause.INVALID, detail=str(why))
        self._world.blobs[installed.file] = data
        return ev.Staged()

    def _switch(self, installed: Installed, now: ev.Now) -> ev.Event:
        data = self._world.blobs.get(installed.file)
        if data is None:
            return ev.SwitchFailed(code=Cause.SWITCH, detail="its file is not in the store")
        self.live = data
        self.applied_count += 1
        return ev.Switched(effective_hash=self._apply(installed, data, now))

    def _load_live(self, fallback: Installed, now: ev.Now) -> ev.Event:
        data = self._world.blobs.get(fallback.file, self.live)
        self.live = data
        self._apply(fallback, data, now)
        return self._live_seen()

    def _apply(self, installed: Installed, data: bytes, now: ev.Now) -> str:
        if self._disk is not None:
            self._disk.keep_live(data)
        self._loaded = self._world.load(installed.file, data)
        self._sensors_since = now.uptime_seconds
        self._health_at = now.uptime_seconds
        self._suffer(self._loaded.fault, now)
        return self._loaded.effective_hash

    def _suffer(self, fault: Fault | None, now: ev.Now) -> None:
        """What a config does to the process that loads it."""
        self._leaks_since = now.uptime_seconds if fault is Fault.LEAK else None
        self.cut = fault is Fault.CUT
        if self.cut and self._carrier is not None:
            self._carrier.drop()
        if fault is Fault.CRASH:
            raise Ended(self._world.around.restart_seconds)
        if fault is Fault.HANG:
            raise Ended(self._world.around.watchdog_seconds)

    def _live_seen(self) -> ev.LiveSeen:
        loaded = self._world.load(digest_of(self.live), self.live)
        return ev.LiveSeen(data=self.live, effective_hash=loaded.effective_hash)

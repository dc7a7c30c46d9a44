"""The bare core as a subject: its shell is a queue, its disk and broker are in memory, its time moves when told."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final, assert_never

import tomli_w

from conformance.memory_broker import MemoryBroker
from conformance.memory_disk import DiskFull, MemoryDisk, PowerCut
from conformance.subject import Able
from pyv_edge_agent.config import Config
from pyv_edge_agent.core import effects as do
from pyv_edge_agent.core import events as ev
from pyv_edge_agent.core.aim import CAN_BUNDLE
from pyv_edge_agent.core.brain import due_at, step, wake
from pyv_edge_agent.core.device import Device, Facts, Limits
from pyv_edge_agent.core.launching import INSTALLED, Launch, established, started, tried
from pyv_edge_agent.core.memory import Installed, Memory, parts
from pyv_edge_agent.enrolled import with_join
from pyv_edge_agent.guarding import EX_TEMPFAIL
from pyvorin_edge import wire
from pyvorin_edge.config.problem import ConfigError
from pyvorin_edge.identity import DeviceId, Digest, digest_of
from pyvorin_edge.orders import BundleRef
from pyvorin_edge.report import Join, Report, Response
from pyvorin_edge.trust import Link, Trust, advance_all, from_key
from pyvorin_edge.vocabulary import Cause, HealthStatus, HookMoment, HookReason, Phase

DEVICE: Final = DeviceId("FLEET-0a1b2c3d4e5f")
#: The least step of time.
STEP_SECONDS: Final = 0.01
HEALTH_LOOKS_MAX: Final = 500


class StartsAgain(Exception):
    """The agent ends, so that the launcher starts other code."""


class CoreSubject:
    """See `subject.Subject`. Also for the model test: `power_for` cuts the power at any act."""

    able = frozenset(Able)
    device_id = DEVICE
    address = "here.example:8883"
    other_address = "there.example:8883"

    def __init__(self, broker: MemoryBroker, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.reach_seconds = self.limits.reach_seconds
        self.broker = broker
        self.disk = MemoryDisk()
        self.doors = {self.address}
        self.device: Device | None = None
        self.environment: Mapping[str, str] = {}
        self.wanted_network = True
        self.synced, self.ahead_ms = True, 0
        self.boots, self.machine_boots = 0, 1
        #: hashes of the documents that the agent was put on, in order
        self.ran: list[str] = []
        #: code that ends at once when it is started, and bundles that fail verification
        self.crashing_slots: set[str] = set()
        self.spoilt_bundles: set[str] = set()
        self.deaf_slots: set[str] = set()
        #: who holds the update lock; how its hooks end, those that ran, and the one that runs
        self.lock_holder: str | None = None
        self._hook_ends: dict[HookMoment, int | None] = {}
        self._hooked: list[tuple[HookMoment, HookReason]] = []
        self._hook_runs: do.RunHooks | None = None
        self._cut_at: Phase | None = None
        self.running_slot = INSTALLED
        self._anchor: Trust | None = None
        self._up = 0.0
        self._inbox: deque[ev.Event] = deque()
        self._health_every, self._health_at = 0.0, 0.0
        #: in a long idling health is looked at less often: it is the same each time
        self._health_rest = 0.0
        self._reports: list[Report] = []
        self._loaded_at, self._fails_after = 0.0, None
        self._config: Config | None = None
        self._where, self._candidate, self._connected = "", False, False
        self._health_was: dict[str, Any] = {}
        broker.deliver = self._delivered

    # making and moving it

    def config(self, changes: Mapping[str, Any]) -> bytes:
        return tomli_w.dumps(dict(changes)).encode()

    def provision(self, join: Join, live: bytes, environment: Mapping[str, str]) -> None:
        self._anchor = from_key(bytes.fromhex(join.trust_anchor))
        self.disk.write(parts(with_join(Memory(), join)))
        self.disk.live = live
        self.environment = environment

    def start(self) -> None:
        assert self.device is None, "it runs already"
        assert self._anchor is not None, "it is not provisioned"
        self.boots += 1
        if not self._launch():
            return
        self._up, self._inbox = 0.0, deque()
        self._health_every, self._connected, self._candidate = 0.0, False, False
        self._where, self._config = self.address, None
        memory = self.disk.memory()
        facts = Facts(
            device_id=DEVICE,
            agent_version="1",
            caps=(CAN_BUNDLE,),
            guarded=True,
            enrolled_link=Link(mqtt=(self.address,)),
            limits=self.limits,
        )
        self.device = wake(facts, memory, advance_all(self._anchor, memory.trust))
        booted = ev.Booted(
            boot_id=f"boot-{self.boots}",
            machine_boot_id=f"machine-{self.machine_boots}",
            live=self.disk.live,
            fallen=_fallen(self.disk.launch, self.disk.slots),
        )
        self._feed(booted)
        self._pump()

    def _launch(self) -> bool:
        """What the launcher does before any code runs; a slot whose code crashes is started until it is given up."""
        for _ in range(10):
            machine = f"machine-{self.machine_boots}"
            launch, slot = started(self.disk.launch, machine, lambda name: name in self.disk.slots)
            try:
                self.disk.spend()
            except PowerCut:
                return False
            self.disk.launch, self.running_slot = launch, slot
            if slot not in self.crashing_slots:
                return True
        raise AssertionError(f"nothing that starts is ever launched: {self.disk.launch}")

    def kill(self) -> None:
        self.device, self._connected, self._hook_runs = None, False, None
        self.broker.subscribed = frozenset()

    def reboot(self) -> None:
        self.machine_boots += 1
        self.kill()
        self.start()

    def disconnect(self) -> None:
        self.wanted_network = False
        self._pump()

    def connect(self) -> None:
        self.wanted_network = True
        self._pump()

    def answer_at(self, address: str, answers: bool) -> None:
        self.doors = self.doors | {address} if answers else self.doors - {address}
        self._pump()

    def until(self, condition: Callable[[], bool], what: str, within_seconds: float = 60.0) -> None:
        end = self._up + within_seconds
        self._pump()
        while not condition():
            assert self._up < end, f"not within {within_seconds} s: {what}; {self._standing()}"
            self._pass(min(self._jump(), end - self._up))

    def idle(self, seconds: float) -> None:
        self._pump()
        end = self._up + seconds
        self._health_rest = seconds / HEALTH_LOOKS_MAX
        while self._up < end:
            self._pass(min(self._jump(), end - self._up))
        self._health_rest = 0.0

    def set_clock(self, *, synced: bool, ahead_ms: int = 0) -> None:
        self.synced, self.ahead_ms = synced, ahead_ms
        self._pump(tick=True)

    def fill_disk(self, full: bool) -> None:
        self.disk.full = full

    def crash(self, slot: str) -> None:
        self.crashing_slots.add(slot)

    def deafen(self, slot: str) -> None:
        self.deaf_slots.add(slot)

    def spoil(self, slot: str) -> None:
        self.spoilt_bundles.add(slot)

    def lose(self, slot: str) -> None:
        self.disk.slots -= {slot}

    def runs_bundle(self, slot: str) -> bool:
        self._pump()
        return self.device is not None and self.running_slot == slot

    def cut_at(self, phase: Phase) -> None:
        self._cut_at = phase

    def hold_lock(self, held: bool) -> None:
        self.lock_holder = "an application" if held else None

    def end_hooks(self, moment: HookMoment, status: int | None) -> None:
        self._hook_ends[moment] = status
        running = self._hook_runs
        if self.device is not None and running is not None and running.moment is moment and status is not None:
            self._hook_runs = None
            self._put(_hooks_ended(running, status))
            self._pump()

    def hooked(self) -> list[tuple[HookMoment, HookReason]]:
        return list(self._hooked)

    def edit(self, data: bytes | None) -> None:
        self.disk.live = data
        if self.device is not None:
            self._put(self._live_seen())
            self._pump()

    def edit_unseen(self, data: bytes) -> None:
        self.disk.live = data

    def live(self) -> bytes | None:
        return self.disk.live

    def durable(self) -> Mapping[str, bytes]:
        return dict(self.disk.files)

    def roll_back_by_hand(self, version: str) -> None:
        self._put(ev.RolledBackByHand(version))
        self._pump()

    def reports(self) -> list[Report]:
        self._pump()
        for data in self._said("/report")[len(self._reports) :]:
            self._reports.append(wire.decode(data, Report, limit_bytes=wire.REPORT_BYTES_MAX))
        return list(self._reports)

    def responses(self) -> list[Response]:
        self._pump()
        return [wire.decode(data, Response, limit_bytes=wire.RESPONSE_BYTES_MAX) for data in self._said("/response")]

    # the shell

    def now(self) -> ev.Now:
        """What its own clock says."""
        return ev.Now(wall_ms=self.broker.wall_ms + self.ahead_ms, synced=self.synced, uptime_seconds=self._up)

    def _pass(self, seconds: float) -> None:
        self._up += seconds
        self.broker.wall_ms += round(seconds * 1000)
        self._pump()

    def _next_at(self) -> float:
        return min(self._next_health_at(), due_at(self.device) if self.device is not None else float("inf"))

    def _next_health_at(self) -> float:
        if not self._health_every:
            return float("inf")
        return self._health_at + max(self._health_every, self._health_rest)

    def _jump(self) -> float:
        """Nothing happens before the next thing that is due: what moves by time alone says so in due_at."""
        return max(self._next_at() - self._up, STEP_SECONDS)

    def _pump(self, *, tick: bool = False) -> None:
        """Everything that can happen now, until nothing does."""
        for _ in range(10_000):
            if self.device is None:
                return
            self._mind_the_link()
            if self._inbox:
                self._feed(self._inbox.popleft())
            elif self._up >= self._next_health_at():
                self._feed(self._health_seen())
            elif tick or due_at(self.device) <= self._up:
                tick = False
                before = self.device
                self._feed(ev.Ticked())
                assert self.device is None or due_at(self.device) > self._up or self._inbox or self.device != before, (
                    f"it says that it is due and does nothing: {self._standing()}"
                )
            else:
                return
        raise AssertionError(f"it does not come to rest: {self._standing()}")

    def _mind_the_link(self) -> None:
        trial = self.device.memory.trial if self.device is not None else None
        if self._cut_at is not None and trial is not None and trial.phase is self._cut_at:
            self.wanted_network, self._cut_at = False, None
        possible = self.wanted_network and self._where in self.doors and self.running_slot not in self.deaf_slots
        if possible and not self._connected:
            self._connected = True
            self._put(ev.Connected(candidate=self._candidate))
        elif self._connected and not possible:
            self._lose()

    def _lose(self) -> None:
        self._connected = False
        self.broker.subscribed = frozenset()
        self._inbox = deque(event for event in self._inbox if not isinstance(event, ev.Arrived | ev.Acknowledged))
        self._put(ev.Disconnected())

    def _put(self, event: ev.Event) -> None:
        self._inbox.append(event)

    def _delivered(self, topic: str, payload: bytes, retained: bool) -> None:
        if self._connected:
            self._put(ev.Arrived(topic, payload, retained))

    def _feed(self, event: ev.Event) -> None:
        """One event and what comes of it, as the real shell does: memory first, then each effect."""
        waiting = deque([event])
        try:
            while waiting and self.device is not None:
                after, effects = step(self.device, waiting.popleft(), self.now())
                self.disk.write(parts(after.memory))
                self.device = after
                for effect in effects:
                    self.disk.intended(effect)
                    self.disk.spend()
                    waiting.extend(self._perform(effect))
        except PowerCut:
            self.kill()
        except StartsAgain:
            self.kill()
            self.start()

    def _perform(self, effect: do.Effect) -> list[ev.Event]:  # one line a kind of effect
        match effect:
            case do.Subscribe(topics):
                self.broker.subscribe(topics)
            case do.Unsubscribe(topics):
                self.broker.unsubscribe(topics)
            case do.Publish():
                self._publish(effect)
            case do.Look(release=None, blob=blob):
                return [ev.Looked(blob=blob, data=self.disk.blobs.get(str(blob)))]
            case do.Look(release=release):
                return [ev.Looked(release=release, data=self.disk.releases.get(str(release)))]
            case do.FetchOverHttp(topic):
                return [ev.FetchedOverHttp(topic=topic, data=None)]
            case do.KeepRelease(digest, envelope):
                self.disk.releases[digest] = envelope
            case do.KeepBlob(digest, data):
                self._keep(digest, data)
            case do.Stage(installed, data):
                return [self._stage(installed, data)]
            case do.FetchBundle(bundle):
                return self._fetch_bundle(bundle)
            case do.LeaveBundle():
                pass
            case do.LookAtLock(take):
                return [ev.LockSeen(holder=self.lock_holder, ours=take and self.lock_holder is None)]
            case do.RunHooks():
                return self._run_hooks(effect)
            case do.LeaveHooks():
                self._hook_runs = None
            case do.FreeLock():
                pass
            case do.Switch(installed, good):
                return self._put_in_force(installed, good)
            case do.Establish(installed):
                self._establish(installed.slot or INSTALLED)
            case do.WriteLive(installed):
                return self._switch(installed)
            case do.LoadLive(fallback):
                return self._load_live(fallback)
            case do.UseLink(link, candidate):
                self._use_link(link, candidate)
            case do.ReadLogs(request_id, lines):
                return [ev.LogsRead(request_id=request_id, lines=("a line",) * min(lines, 2))]
            case do.LookAtHealth(every_seconds):
                self._health_every = every_seconds
                return [self._health_seen()]
            case do.LookAtLive():
                return [self._live_seen()]
            case do.Prune(releases, blobs, slots):
                self.disk.slots &= slots
                self.disk.releases = {key: data for key, data in self.disk.releases.items() if key in releases}
                self.disk.blobs = {key: data for key, data in self.disk.blobs.items() if key in blobs}
            case do.Log():
                pass
            case _:
                assert_never(effect)
        return []

    def _publish(self, effect: do.Publish) -> None:
        if self._connected:
            self.broker.publish(effect.topic, effect.payload, retain=effect.retain)
            if effect.seq is not None:
                self._put(ev.Acknowledged(effect.seq))

    def _keep(self, digest: str, data: bytes) -> None:
        try:
            self.disk.keep_blob(digest, data)
        except DiskFull:
            return

    def _stage(self, installed: Installed, data: bytes) -> ev.Event:
        try:
            Config.from_bytes(data, installed.format).validate(self.environment)
            self.disk.keep_blob(installed.file, data)
        except ConfigError as why:
            return ev.StageFailed(code=Cause.INVALID, detail=str(why))
        except DiskFull:
            return ev.StageFailed(code=Cause.DISK, detail="no space left on device")
        return ev.Staged()

    def _fetch_bundle(self, bundle: BundleRef) -> list[ev.Event]:
        slot = bundle.manifest_sha256
        if slot in self.spoilt_bundles:
            return [ev.BundleFailed(slot=slot, code=Cause.BUNDLE, detail="a file is not what the manifest says")]
        if self.disk.full:
            return [ev.BundleFailed(slot=slot, code=Cause.DISK, detail="no space left on device")]
        if slot not in self.disk.slots and not self._connected:
            return []  # it stands still
        self.disk.slots |= {slot}
        return [ev.BundleReady(slot)]

    def _establish(self, slot: str) -> None:
        """As the real shell: where other code runs than what is committed, that takes over."""
        self.disk.launch = established(slot)
        if slot != self.running_slot:
            raise StartsAgain

    def _run_hooks(self, asked: do.RunHooks) -> list[ev.Event]:
        self._hooked.append((asked.moment, asked.reason))
        status = self._hook_ends.get(asked.moment, 0)
        self._hook_runs = asked if status is None else None
        return [] if status is None else [_hooks_ended(asked, status)]

    def _put_in_force(self, installed: Installed, good: Installed) -> list[ev.Event]:
        """As the real shell: the launcher knows first, and where other code must run, this process ends."""
        slot = installed.slot or INSTALLED
        if slot != INSTALLED and slot not in self.disk.slots:
            return [ev.SwitchFailed(code=Cause.DISK, detail="its bundle is not in its slot", lost=True)]
        self.disk.launch = tried(self.disk.launch, slot, good.slot or INSTALLED)
        if slot != self.running_slot:
            raise StartsAgain
        return self._switch(installed)

    def _switch(self, installed: Installed) -> list[ev.Event]:
        data = self.disk.blobs.get(installed.file)
        if data is None:
            return [ev.SwitchFailed(code=Cause.DISK, detail="its file is not in the store")]
        self.disk.live = data
        self._load(Config.from_bytes(data, installed.format))
        assert self._config is not None
        return [ev.Switched(effective_hash=self._config.effective_hash(self.environment, b"key"))]

    def _load_live(self, fallback: Installed) -> list[ev.Event]:
        try:
            config = Config.from_bytes(self.disk.live or b"\xff")
            config.validate(self.environment)
        except ConfigError:
            back = self.disk.blobs.get(fallback.file)
            assert back is not None, "what was committed is not in the store"
            self.disk.live = back
            config = Config.from_bytes(back, fallback.format)
        self._load(config)
        return [self._live_seen()]

    def _load(self, config: Config) -> None:
        if self._config is not None and config.to_dict() == self._config.to_dict():
            return  # nothing is affected, nothing restarts
        self._config, self._loaded_at = config, self._up
        self.ran.append(config.declared_hash())

    def _live_seen(self) -> ev.LiveSeen:
        data, hashed = self.disk.live, None
        with contextlib.suppress(ConfigError):
            hashed = Config.from_bytes(data or b"\xff").effective_hash(self.environment, b"key")
        return ev.LiveSeen(data=data, effective_hash=hashed)

    def _health_seen(self) -> ev.HealthSeen:
        self._health_at = self._up
        sensors = self._config.effective(self.environment)["sensors"]["devices"] if self._config is not None else []
        age = self._up - self._loaded_at
        working = [one["name"] for one in sensors if age < one.get("fail_after_seconds", float("inf"))]
        status = HealthStatus.HEALTHY if len(working) == len(sensors) else HealthStatus.UNHEALTHY
        return ev.HealthSeen(
            {"status": status.value, "ingest": {"adapters_connected": working, "devices_configured": len(sensors)}}
        )

    def _use_link(self, link: Link | None, candidate: bool) -> None:
        where = (link or Link(mqtt=(self.address,))).mqtt[0]
        self._candidate = candidate
        if where != self._where:
            self._where = where
            if self._connected:
                self._lose()

    def _said(self, ending: str) -> list[bytes]:
        return [data for topic, data in self.broker.published if topic.endswith(ending)]

    def _standing(self) -> str:
        if self.device is None:
            return "it is down"
        memory = self.device.memory
        return (
            f"up {self._up:.1f} s, trial {memory.trial}, result {memory.state.result}, refused {memory.state.refused}"
        )


def file_digest(data: bytes) -> str:
    """The store's name for a file."""
    return digest_of(data)


def _hooks_ended(asked: do.RunHooks, status: int) -> ev.HooksEnded:
    failed = None if status == 0 else f"hook ({asked.moment}) ended with status {status}"
    return ev.HooksEnded(number=asked.number, failed=failed, again=status == EX_TEMPFAIL)


def _fallen(launch: Launch, slots: frozenset[str]) -> ev.Fallen | None:
    fell = launch.fallen
    if fell is None:
        return None
    lost = fell.slot != INSTALLED and fell.slot not in slots
    return ev.Fallen(**{**fell._asdict(), "slot": Digest(fell.slot)}, rescued=fell.slot == launch.good, lost=lost)

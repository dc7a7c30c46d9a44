"""A device's shell on a real directory, without threads: the launcher's choice, the real updater, a broker in memory.

Its time moves when told to. What is here of the start is `EdgeAgent._start` without sensors, queue and sockets.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Final
from unittest import mock

from conformance.fleet import Fleet
from conformance.memory_broker import MemoryBroker
from pyv_edge_agent import launch
from pyv_edge_agent.config import Config
from pyv_edge_agent.core import events as ev
from pyv_edge_agent.core.aim import CAN_BUNDLE
from pyv_edge_agent.core.brain import due_at, wake
from pyv_edge_agent.core.device import Facts, Limits
from pyv_edge_agent.core.memory import Installed
from pyv_edge_agent.core.update import phase_of
from pyv_edge_agent.delivery import Delivery, Route
from pyv_edge_agent.disk.atomic import write_durably
from pyv_edge_agent.disk.bundles import BundleSlots
from pyv_edge_agent.disk.code import CodeInForce
from pyv_edge_agent.disk.history import History
from pyv_edge_agent.disk.journal import Journal
from pyv_edge_agent.disk.launch_file import code_of, read_launch
from pyv_edge_agent.disk.live import LiveFile
from pyv_edge_agent.disk.slots import Slots
from pyv_edge_agent.enrolled import proof_to_keep, read_enrolled, read_trust, with_join
from pyv_edge_agent.keepsakes import mend
from pyv_edge_agent.link.interface import Listener, Passport, Self
from pyv_edge_agent.performer import Disk, Surroundings
from pyv_edge_agent.state_dir import StateDir
from pyv_edge_agent.updater import OTAUpdater, read_memory
from pyvorin_edge import topics, wire
from pyvorin_edge.identity import DeviceId
from pyvorin_edge.orders import BundleRef
from pyvorin_edge.report import Report
from pyvorin_edge.trust import Link as Whereabouts
from pyvorin_edge.vocabulary import Phase

DEVICE: Final = DeviceId("FLEET-0a1b2c3d4e5f")
HOME: Final = Whereabouts(mqtt=("here.example:8883",))
LIMITS: Final = Limits(health_idle_seconds=300.0)
STEP_SECONDS: Final = 0.02
#: starts of crashing code before something must run
LAUNCHES_MAX: Final = 12
TURNS_MAX: Final = 20_000


class World:
    """What is not on the device's disk: the broker, archives to be fetched, code that does not start."""

    def __init__(self) -> None:
        self.broker = MemoryBroker()
        self.archives: dict[str, bytes] = {}
        #: slots whose code ends at once
        self.crashing: set[str] = set()
        self.machine_boots = 1
        #: what a person was told is done
        self.promised = False


class Machine:
    """One device on `root`. `kill` forgets it; what is on disk stays."""

    def __init__(self, world: World, root: Path) -> None:
        self.world = world
        self.root = root
        self.place = StateDir(root)
        self.up = 0.0
        self.applied: dict[str, Any] = {}
        self.code = ""
        self.updater: Stepped | None = None
        self._again = False

    def start(self) -> None:
        """As a supervisor does, until something runs; of what it finds only the disk is known."""
        for _ in range(LAUNCHES_MAX):
            boot_id = f"machine-{self.world.machine_boots}"
            with mock.patch.object(launch, "_machine_boot_id", return_value=boot_id):
                slot = launch._chosen(self.root, read_launch(self.root))
            self.code = code_of(self.root, slot)
            if self.code not in self.world.crashing:
                self._begin(boot_id)
                if not self._again:
                    return
        raise AssertionError(f"nothing that starts is ever launched: {read_launch(self.root)}")

    def kill(self) -> None:
        """As the power does."""
        self.updater = None
        self.world.broker.subscribed = frozenset()

    @property
    def running(self) -> OTAUpdater:
        assert self.updater is not None, "it does not run"
        return self.updater

    @property
    def wanted(self) -> Installed:
        """What its memory says is in force now."""
        memory = self.running.device.memory
        trial, committed = memory.trial, memory.committed
        if trial is not None and trial.staged is not None and trial.phase in (Phase.SWITCHING, Phase.PROVING):
            return trial.staged
        assert committed is not None, "it runs nothing"
        return committed

    def until(self, condition: Callable[[], bool], what: str, within_seconds: float = 4 * 3600.0) -> None:
        """Let time pass until the condition holds."""
        end = self.up + within_seconds
        self.pump()
        while not condition():
            memory = self.running.device.memory
            assert self.up < end, f"not within {within_seconds:g} s: {what}; {memory.trial}, {memory.state.result}"
            seconds = max(self.running._wait_seconds(), STEP_SECONDS)
            self.up += seconds
            self.world.broker.wall_ms += round(seconds * 1000)
            self.running._turn(ev.Ticked())
            self.pump()

    def pump(self) -> None:
        """All that can happen now."""
        for _ in range(TURNS_MAX):
            if self._again:
                self.kill()
                self.start()
            try:
                item = self.running._inbox.get_nowait()
            except queue.Empty:
                if due_at(self.running.device) > self.up:
                    return
                item = ev.Ticked()
            self.running._turn(item)
        raise AssertionError("it does not come to rest")

    def settled_on(self, release: str | None) -> bool:
        """It rests on a release; none = as provisioned."""
        memory = self.running.device.memory
        committed = memory.committed
        return phase_of(memory) is Phase.SETTLED and committed is not None and committed.release == release

    def reports(self) -> list[Report]:
        """All that it said."""
        return reports_in(self.world.broker.published)

    def now(self) -> ev.Now:
        """See Clock."""
        return ev.Now(wall_ms=self.world.broker.wall_ms, synced=True, uptime_seconds=self.up)

    def uptime_seconds(self) -> float:
        """See Clock."""
        return self.up

    def _begin(self, machine_boot_id: str) -> None:
        self._again, self.up, self.applied = False, 0.0, {}
        journal = Journal(self.root)
        mend(self.place, journal)
        memory = read_memory(journal)
        enrolled = read_enrolled(self.place)
        if enrolled is not None:
            memory = with_join(memory, enrolled.join)
        if memory.committed is None:
            Config.from_bytes(LiveFile(self.place.config).read() or b"").validate({})
        facts = Facts(device_id=DEVICE, agent_version="1", caps=(CAN_BUNDLE,), enrolled_link=HOME, limits=LIMITS)
        device = wake(facts, memory, read_trust(self.place, memory.trust))
        proof = proof_to_keep(self.place, memory.trust)
        if proof is not None:
            write_durably(self.place.trust_proof, proof)
        code = CodeInForce(self.root, BundleSlots(self.root), self.code)
        code.keep_room()
        disk = Disk(journal, Slots(self.place.store), LiveFile(self.place.config), code, History(self.root))
        around = Surroundings(
            apply=self._apply,
            health=self._health,
            logs=lambda count: (),
            values=lambda references: {},
            fetch=lambda where, topic: None,
            device_key=b"key",
            enrolled=HOME,
            start_again=self._end,
            route=Route(lambda: Passport(self.place.credentials, ""), lambda: 0),
        )
        self.updater = updater = Stepped(device, disk, _Wire(self.world.broker), around, self)
        updater.bring_from(self.world.archives)
        boots = memory.state.boot + 1
        with mock.patch("pyv_edge_agent.updater.threading.Thread", _AtOnce):  # its worker does not work
            updater.start(f"boot-{boots}", machine_boot_id)
        if enrolled is not None and device.assignment is None:
            assignment = enrolled.join.assignment.encode()
            updater.put(ev.Arrived(topics.assignment(DEVICE), assignment, True))

    def _apply(self, effective: dict[str, Any]) -> None:
        self.applied = effective

    def _health(self) -> dict[str, Any]:
        sick = bool(self.applied.get("sensors", {}).get("devices"))
        ingest: dict[str, Any] = {"adapters_connected": [], "devices_configured": 0}
        return {"status": "unhealthy" if sick else "healthy", "ingest": ingest}

    def _end(self) -> None:
        self._again = True


class Stepped(OTAUpdater):
    """The updater without its worker: whoever drives it takes each item from its queue."""

    def bring_from(self, archives: Mapping[str, bytes]) -> None:
        """Bundles come from here, at once."""
        self._delivery = self._performer._delivery = _AtHand(self._disk.code.slots, self._around.route, self.put)
        self._delivery.archives = archives

    def _work(self) -> None:
        return


class _AtHand(Delivery):
    """Everything of a delivery but the thread and the network."""

    archives: Mapping[str, bytes]

    def fetch(self, bundle: BundleRef, trust: Any, where: Whereabouts) -> None:
        with mock.patch("pyv_edge_agent.delivery.threading.Thread", _AtOnce):
            super().fetch(bundle, trust, where)

    def _try(self, errand: Any, file: BinaryIO) -> bool:
        data = self.archives[errand.bundle.sha256]
        have = file.seek(0, 2)
        middle = (have + len(data)) // 2
        for piece in (data[have:middle], data[middle:]):
            file.write(piece)
            file.flush()
        return True


class _AtOnce:
    """A thread that is run when it is started."""

    def __init__(self, target: Callable[..., None], args: Sequence[Any] = (), **_: Any) -> None:
        self._run = lambda: target(*args)

    def start(self) -> None:
        self._run()


class _Wire:
    """See Link: a broker in memory, always there."""

    is_connected = True

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker
        self._listener: Listener | None = None

    def start(self, me: Self, listener: Listener) -> None:
        self._listener = listener
        self._broker.deliver = listener.arrived
        self._broker.subscribed = frozenset()
        listener.connected(1, HOME)

    def stop(self, within_seconds: float) -> None:
        self._broker.subscribed = frozenset()

    def subscribe(self, topics: Sequence[str]) -> None:
        self._broker.subscribe(tuple(topics))

    def unsubscribe(self, topics: Sequence[str]) -> None:
        self._broker.unsubscribe(tuple(topics))

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool, tag: int | None = None) -> None:
        if self._listener is not None:
            self._broker.publish(topic, payload, retain=retain)
            if tag is not None:
                self._listener.delivered(tag)

    def pace(self, *, keepalive_seconds: int, reconnect_seconds: int) -> None:
        return

    def go_to(self, whereabouts: Whereabouts) -> None:
        return


def reports_in(published: Sequence[tuple[str, bytes]]) -> list[Report]:
    """The reports among all that was published."""
    return [_report(payload) for topic, payload in published if topic == topics.report(DEVICE)]


@cache
def _report(payload: bytes) -> Report:
    return wire.decode(payload, Report, limit_bytes=wire.REPORT_BYTES_MAX)


def provision(root: Path, fleet: Fleet, live: bytes) -> None:
    """A state directory as enrolment leaves it."""
    join = fleet.join()
    root.mkdir(mode=0o700)
    files = {
        "device_id": f"{DEVICE}\n".encode(),
        "device.key": b"only hides values in hashes",
        "trust_anchor.json": wire.encode({"public_key": join.trust_anchor}),
        "join.json": wire.encode(join),
        "config.toml": live,
    }
    for name, data in files.items():
        (root / name).write_bytes(data)
        (root / name).chmod(0o600)

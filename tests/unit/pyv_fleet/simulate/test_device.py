"""A simulated device does what a real one does: it runs the real core, over a disk, sensors and a clock of its own."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from conformance.fleet import Fleet
from conformance.memory_broker import MemoryBroker
from pyv_edge_agent.core import events as ev
from pyv_edge_agent.core.device import Facts
from pyv_edge_agent.core.memory import Memory
from pyv_edge_agent.enrolled import with_join
from pyv_fleet.simulate.device import SimulatedDevice
from pyv_fleet.simulate.fault import Surroundings
from pyv_fleet.simulate.world import World
from pyvorin_edge import topics, wire
from pyvorin_edge.identity import DeviceId
from pyvorin_edge.report import Report
from pyvorin_edge.trust import Link, advance_all, from_key
from pyvorin_edge.vocabulary import Cause, Outcome, Phase

DEVICE = DeviceId("FLEET-0a1b2c3d4e5f")
FIRST = b'[[sensors.devices]]\nname = "t"\ningest_type = "simulator"\n'
SECOND = FIRST + b"[sensors]\npoll_interval_seconds = 2.0\n"
SICK = FIRST + b"fail_after_seconds = 0.5\n"


def bad(fault: str) -> bytes:
    """A config that is bad on purpose."""
    return FIRST + f'[[sensors.devices]]\nname = "fault-{fault}"\ningest_type = "simulator"\n'.encode()


class Bench:
    """A device, its fleet and the broker between them; time moves when told. Also the device's carrier."""

    def __init__(self, device_id: DeviceId = DEVICE, world: World | None = None) -> None:
        self.broker = MemoryBroker()
        self.fleet = Fleet(self.broker, device_id, "here.example:8883")
        self.links: list[tuple[Link | None, bool]] = []
        self.dropped = 0
        self.up = 0.0
        join = self.fleet.join()
        memory = with_join(Memory(), join)
        trust = advance_all(from_key(bytes.fromhex(join.trust_anchor)), memory.trust)
        facts = Facts(device_id=device_id, agent_version="simulated", enrolled_link=self.fleet.link)
        self.device = SimulatedDevice(facts, memory, trust, FIRST, world or World({}), self.now)
        self.inbox: list[ev.Event] = []
        self.broker.deliver = lambda topic, payload, retained: self.inbox.append(ev.Arrived(topic, payload, retained))
        self.fleet.send_trust(1)
        self.device.boot(self, "boot-1", "machine-1")
        self.device.feed(ev.Arrived(topics.assignment(device_id), join.assignment.encode()))
        self.device.feed(ev.Connected())
        self.pass_seconds(0)

    def now(self) -> ev.Now:
        return ev.Now(wall_ms=self.broker.wall_ms, synced=True, uptime_seconds=self.up)

    def pass_seconds(self, seconds: float) -> None:
        end = self.up + seconds
        while True:
            while self.inbox:
                self.device.feed(self.inbox.pop(0))
            if self.device.next_at <= self.up:
                self.device.tick()
            if not (self.device.down or self.device.cut or self.device.device.connected):
                self.device.feed(ev.Connected())
            if self.up >= end and not self.inbox:
                return
            if not self.inbox:
                self.up += 0.1
                self.broker.wall_ms += 100

    def subscribe(self, wanted: Sequence[str]) -> None:
        self.broker.subscribe(tuple(wanted))

    def unsubscribe(self, wanted: Sequence[str]) -> None:
        self.broker.unsubscribe(tuple(wanted))

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool, seq: int | None) -> None:
        self.broker.publish(topic, payload, retain=retain)
        if seq is not None:
            self.inbox.append(ev.Acknowledged(seq))

    def drop(self) -> None:
        """It comes back as soon as it can."""
        self.dropped += 1
        self.device.feed(ev.Disconnected())

    def use(self, link: Link | None, candidate: bool) -> None:
        self.links.append((link, candidate))

    @property
    def report(self) -> Report:
        """The last one that it sent."""
        said = [payload for topic, payload in self.broker.published if topic.endswith("/report")]
        return wire.decode(said[-1], Report, limit_bytes=wire.REPORT_BYTES_MAX)


def test_it_boots_on_its_first_config_and_says_so() -> None:
    bench = Bench()
    assert bench.report.phase is Phase.SETTLED
    assert bench.report.running.release is None
    assert bench.report.health["status"] == "healthy"


def test_a_directive_is_fetched_staged_proved_and_committed() -> None:
    bench = Bench()
    release = bench.fleet.release("2.0", SECOND)
    bench.fleet.direct(release)
    bench.pass_seconds(10)
    assert bench.device.live == SECOND
    assert bench.report.running.release == release
    assert bench.report.result is not None
    assert bench.report.result.outcome is Outcome.COMMITTED


def test_a_refresh_applies_nothing_twice() -> None:
    bench = Bench()
    bench.fleet.direct(bench.fleet.release("2.0", SECOND))
    bench.pass_seconds(10)
    bench.fleet.refresh()
    bench.pass_seconds(10)
    assert bench.device.applied_count == 1


def test_a_sensor_that_fails_by_its_formula_fails_the_gate_and_the_device_goes_back() -> None:
    bench = Bench()
    bench.fleet.direct(bench.fleet.release("sick", SICK))
    bench.pass_seconds(20)
    assert bench.device.live == FIRST
    result = bench.report.result
    assert result is not None
    assert (result.outcome, result.code) == (Outcome.FAILED, Cause.GATE)
    assert bench.report.health["status"] == "healthy"


def test_a_config_that_is_not_valid_never_runs() -> None:
    bench = Bench()
    bench.fleet.direct(bench.fleet.release("wrong", b"[health]\nport = 99999999\n"))
    bench.pass_seconds(10)
    assert bench.device.applied_count == 0
    assert bench.report.result is not None
    assert bench.report.result.code is Cause.INVALID
    assert "/health/port" in bench.report.result.detail


def test_devices_of_one_world_keep_releases_for_each_other_and_stay_themselves() -> None:
    world = World({})
    one = Bench(DEVICE, world)
    other = Bench(DeviceId("FLEET-ffffffffffff"), world)
    one.fleet.direct(one.fleet.release("2.0", SECOND))
    one.pass_seconds(10)
    assert (one.device.live, other.device.live) == (SECOND, FIRST)
    assert one.device.health(one.now())["metrics"] != other.device.health(other.now())["metrics"]
    digest = other.fleet.release("2.0", SECOND, publish=False)
    other.fleet.direct(digest)
    other.pass_seconds(10)
    assert other.report.running.release == digest


def test_figures_are_percent_and_lie_where_a_quiet_machine_is() -> None:
    bench = Bench()
    metrics = bench.device.health(bench.now())["metrics"]
    assert all(0 <= metrics[name] <= 100 for name in ("cpu_percent", "ram_percent", "disk_percent"))


@pytest.mark.parametrize(("fault", "seconds"), [("crash", 1.0), ("hang", 5.0)])
def test_a_process_that_crashes_or_hangs_four_times_goes_back_by_itself(fault: str, seconds: float) -> None:
    bench = Bench(world=World({}, Surroundings(watchdog_seconds=5.0)))
    bench.fleet.direct(bench.fleet.release("bad", bad(fault)))
    bench.pass_seconds(5)
    assert bench.dropped >= 1
    bench.pass_seconds(6 * seconds + 20)
    assert bench.device.live == FIRST
    result = bench.report.result
    assert result is not None
    assert (result.outcome, result.code) == (Outcome.FAILED, Cause.BOOT_LOOP)


def test_a_leak_passes_a_short_gate_fills_the_memory_and_ends_the_process() -> None:
    bench = Bench(world=World({}, Surroundings(leak_percent_per_second=1.0)))
    bench.fleet.direct(bench.fleet.release("bad", bad("leak")))
    bench.pass_seconds(40)
    assert bench.device.live == bad("leak")
    assert bench.device.health(bench.now())["metrics"]["ram_percent"] > 60
    bench.pass_seconds(60)
    assert bench.dropped >= 1


def test_a_device_that_is_cut_off_has_no_network_until_it_goes_back() -> None:
    bench = Bench()
    bench.fleet.direct(bench.fleet.release("bad", bad("cut")))
    bench.pass_seconds(10)
    assert (bench.device.cut, bench.dropped) == (True, 1)

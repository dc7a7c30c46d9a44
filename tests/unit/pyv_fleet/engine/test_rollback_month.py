"""A rollback reaches a device that was away for longer than a directive lives: the order was refreshed meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from pyv_edge_agent.core import events as ev
from pyv_edge_agent.core.device import Facts
from pyv_edge_agent.core.memory import Memory
from pyv_fleet.core.views import RollbackSpec
from pyv_fleet.engine.orders import DAY_MS
from pyv_fleet.engine.sweeps import Sweeps
from pyv_fleet.engine.trust_chain import TrustChain
from pyv_fleet.simulate.device import SimulatedDevice
from pyv_fleet.simulate.world import World
from pyv_fleet.store import devices, orders, releases
from pyvorin_edge import topics, wire
from pyvorin_edge.envelope import public_bytes
from pyvorin_edge.identity import DeviceId
from pyvorin_edge.report import Report
from pyvorin_edge.trust import Link, from_key
from pyvorin_edge.vocabulary import Phase
from running.rehearsal import KEY, START, Rehearsal, rehearsal

DEVICE = DeviceId("FLEET-simulated-0")
CONFIG = b'[[sensors.devices]]\nname = "t"\ningest_type = "simulator"\n'


class Away:
    """A real core over what a broker retains; time is the rehearsal's."""

    def __init__(self, stage: Rehearsal) -> None:
        self._stage = stage
        self.retained: dict[str, bytes] = {}
        self.reports: list[Report] = []
        self._inbox: list[ev.Event] = []
        facts = Facts(device_id=DEVICE, agent_version="simulated", enrolled_link=Link(mqtt=(), http=(), ca_pem=()))
        trust = from_key(public_bytes(KEY))
        self.device = SimulatedDevice(facts, Memory(), trust, CONFIG, World({}), self._now)
        self.device.boot(self, "boot-1", "machine-1")

    async def comes(self) -> None:
        """It connects, finds what the broker retains, and has two minutes."""
        async with self._stage.database.read() as connection:
            directive, device = await orders.current(connection, "stable"), await devices.get(connection, DEVICE)
            everything = await releases.every(connection)
            blobs = {one.config_sha256: await releases.get_blob(connection, one.config_sha256) for one in everything}
        assert directive is not None
        assert device is not None
        self.retained = {topics.channel("stable"): directive.envelope, topics.assignment(DEVICE): device.assignment}
        self.retained |= {topics.release(one.digest): one.envelope for one in everything}
        self.retained |= {topics.blob(digest): blob for digest, blob in blobs.items() if blob is not None}
        self._inbox.append(ev.Connected())
        for _ in range(240):
            while self._inbox:
                self.device.feed(self._inbox.pop(0))
            self._stage.now += 500
            self.device.tick()

    def goes(self) -> None:
        self.device.feed(ev.Disconnected())

    def subscribe(self, topics: Sequence[str]) -> None:
        self._inbox += [ev.Arrived(one, self.retained[one], True) for one in topics if one in self.retained]

    def unsubscribe(self, topics: Sequence[str]) -> None:
        pass

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool, seq: int | None) -> None:
        if topic.endswith("/report"):
            self.reports.append(wire.decode(payload, Report, limit_bytes=wire.REPORT_BYTES_MAX))

    def use(self, link: Link | None, candidate: bool) -> None:
        pass

    def _now(self) -> ev.Now:
        uptime = (self._stage.now - START) / 1000
        return ev.Now(wall_ms=self._stage.now, synced=True, uptime_seconds=uptime)


async def running(stage: Rehearsal, away: Away) -> str:
    """The version on which it settled, by its own word."""
    said = away.reports[-1]
    assert said.phase is Phase.SETTLED
    async with stage.database.read() as connection:
        release = await releases.get(connection, str(said.running.release))
    return "-" if release is None else release.version


def test_a_device_that_was_away_for_forty_days_obeys_the_rollback_on_its_return(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await stage.enrol(2)
        async with stage.database.begin() as connection:
            device = await devices.get(connection, DEVICE)
            assert device is not None
            await stage.orders.issue_assignment(connection, device, actor="op")
        for version, interval in (("1.0", 5.0), ("1.1", 6.0)):
            await stage.release(version, config=CONFIG + b"[sensors]\npoll_interval_seconds = %.1f\n" % interval)
            await stage.roll(version, *(("1", "100%") if version == "1.1" else ("100%",)))
            for _ in range(2):
                await stage.obey()
                await stage.wait(12)
        away = Away(stage)
        await away.comes()
        assert await running(stage, away) == "1.1"
        away.goes()

        await stage.rollbacks.start(RollbackSpec(to="1.0", all=True, reason="it broke"), "op")
        first = await stage.directive()
        sweeps = Sweeps(stage.ground, await TrustChain.load(stage.ground), stage.orders, stage.alerting)
        for _ in range(40):
            stage.now += DAY_MS
            await sweeps.refresh()
        last = await stage.directive()
        assert first is not None
        assert last is not None
        assert first.expires_at < stage.now < last.expires_at
        assert last.rules == first.rules

        await away.comes()
        assert await running(stage, away) == "1.0"

    async def run() -> None:
        async with rehearsal(tmp_path) as stage:
            await scene(stage)

    asyncio.run(run())

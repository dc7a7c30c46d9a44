"""The simulated fleet: enrols its devices through the API with one token, then keeps them all alive in one loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pyv_edge_agent.core import events as ev
from pyv_edge_agent.core.aim import CAN_BUNDLE
from pyv_edge_agent.core.device import Facts, Limits
from pyv_edge_agent.core.memory import Memory
from pyv_edge_agent.enrolled import with_join
from pyv_edge_agent.link.enrol import enrol, fetch_join, fetch_server_ca, new_key_pem
from pyv_edge_agent.link.interface import Credentials
from pyv_fleet.simulate.device import Disk, SimulatedDevice
from pyv_fleet.simulate.fault import Surroundings
from pyv_fleet.simulate.session import Session
from pyv_fleet.simulate.world import World
from pyvorin_edge import topics
from pyvorin_edge.enrolment import EnrolmentToken
from pyvorin_edge.identity import DeviceId, device_id_of
from pyvorin_edge.report import Join
from pyvorin_edge.trust import Link as Whereabouts
from pyvorin_edge.trust import advance_all, from_key
from pyvorin_edge.turns import CAN_TURNS

logger = logging.getLogger(__name__)

ENROL_THREADS: Final = 4
TICK_SECONDS: Final = 0.1
AGENT_VERSION: Final = "simulated"


@dataclass(frozen=True)
class Seat:
    """A device that has enrolled."""

    device_id: DeviceId
    credentials: Credentials
    join: Join


def enrol_all(
    api: str, token: EnrolmentToken, serials: list[str], folder: Path, told: Callable[[int], None]
) -> list[Seat]:
    """Enrol every serial; keys and certificates lie in `folder`. LinkError if the controller refuses one."""
    ca_pem = fetch_server_ca(api, token)
    done: list[Seat] = []
    with ThreadPoolExecutor(ENROL_THREADS) as pool:
        for seat in pool.map(lambda serial: _enrol(api, token, ca_pem, serial, folder), serials):
            done.append(seat)
            told(len(done))
    return done


def _enrol(api: str, token: EnrolmentToken, ca_pem: str, serial: str, folder: Path) -> Seat:
    device_id = device_id_of(serial)
    key, certificate = folder / f"{device_id}.key", folder / f"{device_id}.pem"
    if not (key.exists() and certificate.exists()):
        key_pem = new_key_pem()
        _write_private(key, key_pem)
        _write_private(certificate, enrol(api, ca_pem, device_id, token, key_pem))
    credentials = Credentials(certificate, key)
    join, _ = fetch_join(api, ca_pem, device_id, credentials)
    return Seat(device_id, credentials, join)


def _write_private(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


async def run_all(
    seats: list[Seat],
    live: bytes,
    environment: dict[str, str],
    stop: asyncio.Event,
    around: Surroundings = Surroundings(),  # noqa: B008 a frozen value
    limits: Limits = Limits(),  # noqa: B008 a frozen value
    disk_of: Callable[[str], Disk | None] = lambda _: None,
) -> None:
    """Boot every device, connect it, tick it when it is due; until `stop`. `disk_of`: a device's disk, by its id."""
    began = time.monotonic()

    def now() -> ev.Now:
        wall_ms = time.time_ns() // 1_000_000
        return ev.Now(wall_ms=wall_ms, synced=True, uptime_seconds=time.monotonic() - began)

    world = World(environment, around)
    devices = [_device(seat, live, world, now, limits, disk_of(seat.device_id)) for seat in seats]
    machine = secrets.token_hex(16)
    sessions = []
    for seat, device in zip(seats, devices, strict=True):
        session = Session(device, _whereabouts(seat.join), seat.credentials.certificate, seat.credentials.key)
        device.boot(session, secrets.token_hex(16), machine)
        device.feed(ev.Arrived(topics.assignment(seat.device_id), seat.join.assignment.encode()))
        sessions.append(session)
    tasks = [asyncio.create_task(session.run()) for session in sessions]
    ticking = asyncio.create_task(_tick(devices, now, stop))
    try:
        # a session that ends by itself is a fault of ours: it must be seen, not missed
        await asyncio.wait({ticking, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (ticking, *tasks):
            task.cancel()
        ends = await asyncio.gather(ticking, *tasks, return_exceptions=True)
    for end in ends:
        if isinstance(end, Exception):
            raise end


async def _tick(devices: list[SimulatedDevice], now: Callable[[], ev.Now], stop: asyncio.Event) -> None:
    while not stop.is_set():
        at = now().uptime_seconds
        for device in devices:
            if device.next_at <= at:
                device.tick()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), TICK_SECONDS)


def _device(
    seat: Seat, live: bytes, world: World, now: Callable[[], ev.Now], limits: Limits, disk: Disk | None
) -> SimulatedDevice:
    memory = with_join(Memory(), seat.join)
    trust = advance_all(from_key(bytes.fromhex(seat.join.trust_anchor)), memory.trust)
    link = _whereabouts(seat.join)
    # it takes bundles as an agent with a launcher does; it has no code that they could replace
    facts = Facts(
        device_id=seat.device_id,
        agent_version=AGENT_VERSION,
        caps=(CAN_BUNDLE, CAN_TURNS),
        enrolled_link=link,
        limits=limits,
    )
    return SimulatedDevice(facts, memory, trust, live, world, now, disk)


def _whereabouts(join: Join) -> Whereabouts:
    return Whereabouts(mqtt=join.link.mqtt, http=join.link.http, ca_pem=join.link.ca_pem)

"""A part of the benchmark's devices in a process of its own, told what to do by lines of JSON: see rollback.py.

First the real core over gmqtt with a journal that is fsynced (as `pyv-fleet simulate --durable`), later the floors:
bare subscribers with the same certificates, and the same fsyncs with nothing else.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import ssl
import struct
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, cast

import msgspec
import uvloop

from pyv_edge_agent.core.memory import Memory, parts
from pyv_edge_agent.disk.atomic import write_durably
from pyv_edge_agent.disk.journal import Journal
from pyv_edge_agent.link.interface import Credentials
from pyv_fleet.simulate.fleet import Seat, run_all
from pyv_fleet.simulate.kept import LIVE, Kept
from pyvorin_edge.identity import DeviceId
from pyvorin_edge.report import Join

CONNECTING: Final = 50
CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK = 0x10, 0x20, 0x30, 0x40, 0x82, 0x90
Step = tuple[str, Mapping[str, bytes | None] | bytes]


class Recorded(Kept):
    """A disk that also tells what was written to it, once it is asked to."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.folder = folder
        self.steps: list[Step] | None = None
        self.before: dict[str, bytes | None] = {}
        self._last: dict[str, bytes | None] = {}

    def remember(self, memory: Memory) -> None:
        self._last = parts(memory)
        super().remember(memory)
        if self.steps is not None:
            self.steps.append(("memory", self._last))

    def keep_live(self, data: bytes) -> None:
        super().keep_live(data)
        if self.steps is not None:
            self.steps.append(("live", data))

    def record(self) -> None:
        """From here on."""
        self.before, self.steps = dict(self._last), []


class Bare(asyncio.Protocol):
    """Subscribes to one topic and notes when a message is whole; nothing more."""

    def __init__(self, device_id: str, topic: str, told: Callable[[float], None]) -> None:
        self._device_id = device_id
        self._topic = topic
        self._told = told
        self._data = b""
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class
        body = b"\x00\x04MQTT\x04\x02" + struct.pack(">H", 0xFFFF) + _text(self._device_id)
        self.transport.write(bytes([CONNECT]) + _length(len(body)) + body)

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (packet := self._next()) is not None:
            self._take(*packet)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(f"{self._device_id}: the broker ended it: {exc}"))

    def _take(self, head: int, body: bytes) -> None:
        match head & 0xF0:
            case 0x20:
                wanted = b"\x00\x01" + _text(self._topic) + b"\x01"
                self.transport.write(bytes([SUBSCRIBE]) + _length(len(wanted)) + wanted)
            case 0x90:
                self.ready.set_result(None)
            case 0x30:
                at = time.monotonic()
                size = struct.unpack(">H", body[:2])[0]
                if head & 0x06:
                    self.transport.write(bytes([PUBACK, 2]) + body[2 + size : 4 + size])
                self._told(at)

    def _next(self) -> tuple[int, bytes] | None:
        length, shift, at = 0, 0, 1
        while True:
            if at >= len(self._data):
                return None
            byte = self._data[at]
            length |= (byte & 0x7F) << shift
            shift, at = shift + 7, at + 1
            if not byte & 0x80:
                break
        if len(self._data) < at + length:
            return None
        head, body, self._data = self._data[0], self._data[at : at + length], self._data[at + length :]
        return head, body


class Worker:
    """Obeys one line at a time; each answer is a line."""

    def __init__(self, folder: Path, device_ids: list[str]) -> None:
        self._seats = [_seat(folder, one) for one in device_ids]
        self._disks: dict[str, Recorded] = {}
        self._durable = folder / "durable"
        self._stop = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._bare: list[Bare] = []
        self._came: list[float] = []
        self._all_came = asyncio.Event()

    async def obey(self, said: dict[str, Any]) -> dict[str, Any]:
        """One line."""
        match said["do"]:
            case "run":
                live = said["config"].encode()
                self._running = asyncio.create_task(run_all(self._seats, live, {}, self._stop, disk_of=self._disk))
            case "mark":
                for disk in self._disks.values():
                    disk.writes = disk.fsyncs = 0
                self._first.record()
            case "figures":
                return {
                    "fsyncs": sum(one.fsyncs for one in self._disks.values()),
                    "steps": len(self._first.steps or ()),
                }
            case "end":
                assert self._running is not None
                self._stop.set()
                await self._running
            case "subscribe":
                await self._subscribe(said["topic"])
            case "round":
                self._came.clear()
                self._all_came.clear()
            case "last":
                await asyncio.wait_for(self._all_came.wait(), 300)
                return {"last": max(self._came)}
            case "unsubscribe":
                for one in self._bare:
                    one.transport.abort()
            case "prime":
                self._journals = [self._primed(one) for one in self._disks.values()]
            case "alone":
                return self._alone()
        return {"cpu": sum(os.times()[:2])}

    @property
    def _first(self) -> Recorded:
        return self._disks[self._seats[0].device_id]

    def _disk(self, device_id: str) -> Recorded:
        self._disks[device_id] = Recorded(self._durable / device_id)
        return self._disks[device_id]

    async def _subscribe(self, topic: str) -> None:
        turns = asyncio.Semaphore(CONNECTING)

        async def one(seat: Seat) -> Bare:
            async with turns:
                host, _, port = seat.join.link.mqtt[0].rpartition(":")
                made = Bare(seat.device_id, topic, self._told)
                await asyncio.get_running_loop().create_connection(lambda: made, host, int(port), ssl=_context(seat))
                await asyncio.wait_for(made.ready, 60)
                return made

        self._bare = list(await asyncio.gather(*(one(seat) for seat in self._seats)))

    def _told(self, at: float) -> None:
        self._came.append(at)
        if len(self._came) == len(self._seats):
            self._all_came.set()

    def _primed(self, disk: Recorded) -> Journal:
        """As it was before the rollback: then the same files change again."""
        journal = Journal(disk.folder)
        for name in self._first.before:
            journal.read(name)
        journal.write(self._first.before)
        return journal

    def _alone(self) -> dict[str, Any]:
        """The first device's writes for each, and nothing else; as the devices of one process, one after the other."""
        began = time.monotonic()
        for disk, journal in zip(self._disks.values(), self._journals, strict=True):
            for kind, data in self._first.steps or ():
                if kind == "memory":
                    assert isinstance(data, Mapping)
                    journal.write(data)
                else:
                    assert isinstance(data, bytes)
                    write_durably(disk.folder / LIVE, data)
        return {"began": began, "ended": time.monotonic()}


def _seat(folder: Path, device_id: str) -> Seat:
    place = folder / device_id
    credentials = Credentials(place.with_suffix(".pem"), place.with_suffix(".key"))
    return Seat(
        DeviceId(device_id), credentials, msgspec.json.decode(place.with_suffix(".join").read_bytes(), type=Join)
    )


def _context(seat: Seat) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata="\n".join(seat.join.link.ca_pem))
    context.load_cert_chain(seat.credentials.certificate, seat.credentials.key)
    return context


def _text(text: str) -> bytes:
    return struct.pack(">H", len(text)) + text.encode()


def _length(size: int) -> bytes:
    made = bytearray()
    while True:
        size, byte = divmod(size, 128)
        made.append(byte | (0x80 if size else 0))
        if not size:
            return bytes(made)


async def main() -> None:
    """`rollback_devices.py FOLDER`; the first line names the devices."""
    reader = asyncio.StreamReader(limit=4 * 1024 * 1024)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    worker = Worker(Path(sys.argv[1]), json.loads(await reader.readline()))
    while line := await reader.readline():
        print(json.dumps(await worker.obey(json.loads(line))), flush=True)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    logging.getLogger("gmqtt").setLevel(logging.CRITICAL)
    uvloop.run(main())

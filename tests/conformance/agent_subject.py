"""The rules asked of a real agent: its own process, its own files, MQTT over TLS to a real mosquitto."""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import itertools
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pytest
import tomli_w

from conformance.subject import Able, Carrier, Subject
from pyv_edge_agent.control import ask
from pyv_edge_agent.update_lock import open_lock
from pyvorin_edge import topics, wire
from pyvorin_edge.report import Join, Report, Response
from pyvorin_edge.vocabulary import HookMoment, HookReason, Phase
from running import agent_process
from running.broker import Doorway, MqttCarrier, RealBroker, real_broker

REACH_SECONDS = 4.0
POLL_SECONDS = 0.02
#: a checksum and two line feeds: how the journal ends each file
TRAILER_BYTES = 66
NAMES = ("desired-directive", "desired-assignment", "local", "committed", "previous", "trial", "quarantine", "state")
#: notes when and why it runs, waits until it is said how it ends, and ends so
HOOK = """echo "$PYV_HOOK_MOMENT $PYV_HOOK_REASON" >> ROOT/hooked
until [ -s "ROOT/$PYV_HOOK_MOMENT-ends" ]; do [ -d ROOT ] || exit 1; sleep 0.05; done
exit "$(cat "ROOT/$PYV_HOOK_MOMENT-ends")"
"""
_serial = itertools.count(1)
_open: list[tuple[contextlib.ExitStack, RealBroker]] = []


class FleetSide(NamedTuple):
    """What a real agent meets: how it is enrolled, and what listens behind its doors."""

    behind: tuple[str, int]
    #: before an address in a link
    scheme: str
    enrol: Callable[[str], tuple[bytes, bytes]]
    server_ca_pem: str


class Remembering(Carrier, Protocol):
    """A carrier that keeps what the device said."""

    said: list[tuple[str, bytes]]


class AgentSubject:
    """See Subject. Time is the machine's own."""

    able: frozenset[Able] = frozenset({Able.NETWORK, Able.TOPICS, Able.GUARDS})
    reach_seconds = REACH_SECONDS

    def __init__(self, fleet_side: FleetSide, carrier: Remembering, root: Path) -> None:
        self.device_id = f"FLEET-{next(_serial):012x}"
        self._fleet_side = fleet_side
        self.carrier = carrier
        self._root = root
        self.state = root / "state"
        self._log = root / "agent.log"
        doors = [Doorway(fleet_side.behind), Doorway(fleet_side.behind)]
        self._doors = {f"{fleet_side.scheme}{door.address}": door for door in doors}
        self.address, self.other_address = self._doors
        self._answers = {self.address}
        self._network = True
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: int | None = None
        self._hook_ends: dict[HookMoment, int | None] = {}
        self._set_doors()

    def config(self, changes: Mapping[str, Any]) -> bytes:
        least: dict[str, Any] = {"sensors": {"poll_interval_seconds": 0.2}, "logging": {"level": "INFO"}}
        return tomli_w.dumps({**least, **changes}).encode()

    def provision(self, join: Join, live: bytes, environment: Mapping[str, str]) -> None:
        certificate, key = self._fleet_side.enrol(self.device_id)
        self.state.mkdir(mode=0o700)
        files = {
            "device_id": f"{self.device_id}\n".encode(),
            "device.key": key,
            "device.pem": certificate,
            "server_ca.pem": self._fleet_side.server_ca_pem.encode(),
            "trust_anchor.json": wire.encode({"public_key": join.trust_anchor}),
            "join.json": wire.encode(join),
            "env": "".join(f"{name}={value}\n" for name, value in environment.items()).encode(),
            "config.toml": live,
        }
        for name, data in files.items():
            (self.state / name).write_bytes(data)
            (self.state / name).chmod(0o600)

    def start(self) -> None:
        if self._process is not None:
            return
        argv = [sys.executable, str(agent_process.__file__), str(self.state), str(REACH_SECONDS)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def adopt(self, process: subprocess.Popen[bytes]) -> None:
        """The agent was started otherwise; from now on it is this subject's."""
        self._process = process

    def kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGKILL)
            process.wait()

    def reboot(self) -> None:
        raise NotImplementedError("a test does not restart the machine")

    def disconnect(self) -> None:
        self._network = False
        self._set_doors()

    def connect(self) -> None:
        self._network = True
        self._set_doors()

    def answer_at(self, address: str, answers: bool) -> None:
        self._answers = self._answers | {address} if answers else self._answers - {address}
        self._set_doors()

    def until(self, condition: Callable[[], bool], what: str, within_seconds: float = 60.0) -> None:
        deadline = time.monotonic() + within_seconds
        while True:
            with contextlib.suppress(AssertionError):
                if condition():
                    return
            if time.monotonic() > deadline:
                pytest.fail(f"not within {within_seconds:g} s: {what}\n{self._last_words()}")
            time.sleep(POLL_SECONDS)

    def idle(self, seconds: float) -> None:
        time.sleep(min(seconds, 0.5))

    def set_clock(self, *, synced: bool, ahead_ms: int = 0) -> None:
        raise NotImplementedError("the machine's clock is not ours to set")

    def fill_disk(self, full: bool) -> None:
        raise NotImplementedError("the machine's disk is not ours to fill")

    def crash(self, slot: str) -> None:
        raise NotImplementedError("no bundles are to be had here: tests/system/test_self_update.py has them")

    deafen = spoil = lose = crash

    def runs_bundle(self, slot: str) -> bool:
        raise NotImplementedError("as for bundles")

    def cut_at(self, phase: Phase) -> None:
        raise NotImplementedError("as for bundles")

    def hold_lock(self, held: bool) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        if held:
            self._lock = open_lock(self.state / "update.lock")
            fcntl.flock(self._lock, fcntl.LOCK_EX)

    def end_hooks(self, moment: HookMoment, status: int | None) -> None:
        self._hook_ends[moment] = status
        for one in HookMoment:
            code = self._hook_ends.get(one, 0)
            (self._root / f"{one}-ends").write_text("" if code is None else f"{code}\n")
        script = HOOK.replace("ROOT", str(self._root))
        hooks = [{"name": one.value, "on": one.value, "run": ["/bin/sh", "-c", script]} for one in HookMoment]
        (self.state / "hooks.toml").write_text(tomli_w.dumps({"hook": hooks}))
        (self.state / "hooks.toml").chmod(0o600)

    def hooked(self) -> list[tuple[HookMoment, HookReason]]:
        with contextlib.suppress(FileNotFoundError):
            lines = (line.split() for line in (self._root / "hooked").read_text().splitlines())
            return [(HookMoment(moment), HookReason(reason)) for moment, reason in lines]
        return []

    def edit(self, data: bytes | None) -> None:
        if data is None:
            (self.state / "config.toml").unlink()
        else:
            # as editors do: one that truncates first shows the agent two edits
            (self.state / "edited").write_bytes(data)
            (self.state / "edited").replace(self.state / "config.toml")

    def edit_unseen(self, data: bytes) -> None:
        raise NotImplementedError("the kernel tells it at once, and no test waits an hour")

    def live(self) -> bytes | None:
        with contextlib.suppress(FileNotFoundError):
            return (self.state / "config.toml").read_bytes()
        return None

    def durable(self) -> Mapping[str, bytes]:
        found = {name: self.state / name for name in NAMES}
        found |= {f"trust/{path.name}": path for path in (self.state / "trust").glob("[0-9]*")}
        read: dict[str, bytes] = {}
        for name, path in found.items():
            with contextlib.suppress(FileNotFoundError):
                read[name] = path.read_bytes()[:-TRAILER_BYTES]
        return read

    def roll_back_by_hand(self, version: str) -> None:
        ask(self.state / "agent.sock", "rollback", {"version": version})

    def reports(self) -> list[Report]:
        return [wire.decode(data, Report, limit_bytes=wire.REPORT_BYTES_MAX) for data in self._said(topics.report)]

    def responses(self) -> list[Response]:
        return [
            wire.decode(data, Response, limit_bytes=wire.RESPONSE_BYTES_MAX) for data in self._said(topics.response)
        ]

    def close(self) -> None:
        self.kill()
        self.hold_lock(False)
        for door in self._doors.values():
            door.shut()

    def _said(self, topic_of: Callable[[str], str]) -> list[bytes]:
        topic = topic_of(self.device_id)
        return [data for name, data in list(self.carrier.said) if name == topic]

    def _set_doors(self) -> None:
        for address, door in self._doors.items():
            if self._network and address in self._answers:
                door.open()
            else:
                door.shut()

    def _last_words(self) -> str:
        text = self._log.read_text(errors="replace") if self._log.exists() else ""
        code = self._process.poll() if self._process is not None else "killed"
        return f"agent: {code}\n" + "\n".join(text.splitlines()[-30:])


def agent() -> Iterator[tuple[Subject, Carrier]]:
    """A subject and its carrier; the broker is shared by all tests, what is retained is not."""
    broker = _broker()
    carrier = MqttCarrier(broker)
    with tempfile.TemporaryDirectory(prefix="pyv-agent-") as place:
        side = FleetSide(broker.settings.devices, "", broker.enrol, broker.server_ca_pem)
        subject = AgentSubject(side, carrier, Path(place))
        yield subject, carrier
        subject.close()
    carrier.forget()
    carrier.close()


def _broker() -> RealBroker:
    if not _open:
        stack = contextlib.ExitStack()
        _open.append((stack, stack.enter_context(real_broker())))
        atexit.register(stack.close)
    return _open[0][1]

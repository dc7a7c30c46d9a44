"""Many agents at random kill -9: each is started by its launcher, as a supervisor would, again and again.

One process with all modules loaded forks them (`python -m running.herd STATE...`): a start costs a tenth of one from
nothing, and what the launcher becomes by exec is started from nothing all the same.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import random
import signal
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pyv_edge_agent import launch
from pyv_edge_agent.control import ControlError, ask
from pyv_fleet.client import Conflict
from pyv_fleet.core.views import Budgets, ChannelBody, RolloutSpec
from running.controller import Controller
from running.demo import ROOT
from running.self_update import agent_bundle, release

UP_SECONDS: Final = 60
#: what an update takes at least; kills come within it, or within what the last one took
WINDOW_SECONDS_MIN: Final = 3.0
COME_BACK_SECONDS: Final = 180.0
#: four starts within one update are its end (rule 6), and tell nothing of power
KILLS_AN_UPDATE_MAX: Final = 3


_VERSION: Final = "return name.removeprefix(_BEFORE).removesuffix(_AFTER)"
_PATIENT: Final = Budgets(
    failed_permyriad=10_000, reverted_permyriad=10_000, unhealthy_permyriad=10_000, lost_permyriad=10_000
)


# the process that forks


def shepherd(states: Sequence[Path]) -> None:
    """Fork an agent for each state directory, and again whenever one ends; until standard input ends."""
    for package in ("pyvorin_edge", "pyv_edge_agent"):
        for found in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            if not found.name.endswith("__main__"):
                importlib.import_module(found.name)
    threading.Thread(target=_end_with_input, daemon=True).start()
    of = {_forked(state): state for state in states}
    while True:
        pid, _ = os.waitpid(-1, 0)
        state = of.pop(pid)
        of[_forked(state)] = state


def _end_with_input() -> None:
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGKILL)


def _forked(state: Path) -> int:
    pid = os.fork()
    if pid:
        _pid_file(state).write_text(str(pid))
        return pid
    log = os.open(state.with_name(f"{state.name}.log"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for stream, target in ((0, os.open(os.devnull, os.O_RDONLY)), (1, log), (2, log)):
        os.dup2(target, stream)
    os.environ["PYV_EDGE_UP_SECONDS"] = str(UP_SECONDS)
    words = ["run", "--state-dir", str(state), "--health-port", "0", "--clock", "synced", "--watchdog-seconds", "60"]
    try:
        launch.main(words)
    except SystemExit as end:
        os._exit(int(end.code or 0))
    except BaseException:  # noqa: BLE001 - the child's edge
        import traceback

        traceback.print_exc()
        os._exit(70)
    os._exit(0)


def _pid_file(state: Path) -> Path:
    return state.with_name(f"{state.name}.pid")


# who orders, kills and looks


@dataclass
class Killed:
    """What a run came to."""

    seed: int
    kills: int = 0
    updates: int = 0
    #: updates that ended where they began, for the agent was started four times within one
    given_up: int = 0
    #: kills by what the device was at
    at: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        where = ", ".join(f"{phase} {count}" for phase, count in sorted(self.at.items()))
        return (
            f"{self.kills} kills in {self.updates} updates of a device, {self.given_up} of them given up after four "
            f"starts; all came back whole. Killed while: {where}. Seed {self.seed}"
        )


class Herd:
    """Devices, each in a channel of its own, and what they are sent through: configs, and bundles with code."""

    def __init__(self, running: Controller, folder: Path, count: int, seed: int) -> None:
        self.killed, self.chance = Killed(seed), random.Random(seed)
        self.states = [folder / f"herd{number}" for number in range(count)]
        self._client = running.client()
        for state in self.states:
            self._client.put_channel(state.name, ChannelBody(settle_seconds=0, report_seconds=30))
            running.cli("device", "provision", "--serial", state.name, "--channel", state.name, "--out", str(state))
        #: version → interval in its config, and what its code adds to the version
        self.releases = {"c1": (5.0, ""), "c2": (6.0, ""), "b1": (7.0, "+one"), "b2": (8.0, "+two")}
        for version, (interval, mark) in self.releases.items():
            saying = f'{_VERSION} + "{mark}"'
            changes = {"pyv_edge_agent/installed.py": (_VERSION, saying)}
            release(running, version, interval, agent_bundle(folder / version, changes) if mark else None)
        #: the process that forks them
        self.shepherd = 0
        self._ordered_ms = 0
        self._window = WINDOW_SECONDS_MIN

    def first(self) -> None:
        """All on the first release; nobody is killed."""
        orders = dict.fromkeys(self.states, "c1")
        self._order(orders)
        self._all_came_to(orders, orders)

    def run(self, kills: int, seconds: float) -> Killed:
        """Order, kill and look, until so many kills or seconds."""
        end = time.monotonic() + seconds
        while self.killed.kills < kills and time.monotonic() < end:
            before = {state: str(self.status(state).get("release")) for state in self.states}
            choices = {state: [one for one in self.releases if one != before[state]] for state in self.states}
            orders = {state: self.chance.choice(choices[state]) for state in self.states}
            self._order(orders)
            began = time.monotonic()
            self._kill_within(self._window)
            self._all_came_to(orders, before)
            took = time.monotonic() - began
            self._window = max(WINDOW_SECONDS_MIN, took * 0.6)
            self.killed.updates += len(self.states)
            print(f"{self.killed.kills} kills; the last {len(self.states)} updates took {took:.1f} s", flush=True)
        return self.killed

    def status(self, state: Path) -> dict[str, Any]:
        """What the running agent says of itself; empty while none answers."""
        try:
            found: dict[str, Any] = ask(state / "agent.sock", "status")
        except (ControlError, OSError):
            return {}
        boot, connected = found["boot"], found["connected"]
        return {**found["place"], "boot": boot, "connected": connected, **_code_and_result(found)}

    def _order(self, orders: dict[Path, str]) -> None:
        self._ordered_ms = time.time_ns() // 1_000_000
        for state, version in orders.items():
            spec = RolloutSpec(
                channel=state.name, release=version, waves=("100%",), soak_seconds=0, budgets=_PATIENT,
                supersede=True, reason="a test",
            )  # fmt: skip
            self._create(spec)

    def _create(self, spec: RolloutSpec) -> None:
        """The rollout before may not know yet that its device has come to it: then this one is asked for again."""
        ends = time.monotonic() + 60
        while True:
            try:
                self._client.create_rollout(spec)
                return
            except Conflict:
                if time.monotonic() > ends:
                    raise
                time.sleep(0.2)

    def _kill_within(self, seconds: float) -> None:
        began = time.monotonic()
        plan = sorted(
            (self.chance.uniform(0, seconds), state)
            for state in self.states
            for _ in range(self.chance.randint(1, KILLS_AN_UPDATE_MAX))
        )
        for at, state in plan:
            time.sleep(max(0.0, began + at - time.monotonic()))
            phase = _phase_on_disk(state)
            try:
                pid = int(_pid_file(state).read_text())
                if _parent_of(pid) != self.shepherd:
                    continue  # another process by now
                os.kill(pid, signal.SIGKILL)
            except (OSError, ValueError):
                continue  # it is being started just now
            self.killed.kills += 1
            self.killed.at[phase] = self.killed.at.get(phase, 0) + 1

    def _all_came_to(self, orders: dict[Path, str], before: dict[Path, str]) -> None:
        deadline = time.monotonic() + COME_BACK_SECONDS
        waiting = set(self.states)
        while waiting:
            waiting = {state for state in waiting if not self._came_to(state, orders[state], before[state])}
            assert time.monotonic() < deadline, f"seed {self.killed.seed}: {self._last_words(waiting)}"
            time.sleep(0.1)

    def _came_to(self, state: Path, version: str, before: str) -> bool:
        """Whether it rests, on what was ordered or, given up, on what was before; then all of it is of one release."""
        found = self.status(state)
        if found.get("phase") != "settled" or not found["connected"]:
            return False
        result = found.get("result") or {}
        given_up = found.get("release") == before != version and result.get("at", 0) >= self._ordered_ms
        if found.get("release") != version and not given_up:
            return False
        assert not given_up or result["code"] in ("boot_loop", "power"), f"{state}: it gave up for {result}"
        self.killed.given_up += given_up
        interval, mark = self.releases[str(found["release"])]
        live = tomllib.loads((state / "config.toml").read_text())
        assert live["sensors"]["poll_interval_seconds"] == interval, f"{state}: the live file is another's"
        assert str(found["agent_version"]).partition("+")[1:] == mark.partition("+")[1:], f"{state}: other code runs"
        return True

    def _last_words(self, states: set[Path]) -> str:
        return "\n".join(
            f"{state.name}: {self.status(state)}\n{state.with_name(f'{state.name}.log').read_text()[-3000:]}"
            for state in sorted(states)[:3]
        )


@contextmanager
def herd(running: Controller, folder: Path, count: int, seed: int) -> Iterator[Herd]:
    """Provisioned and alive, on the first release; ended with the block."""
    made = Herd(running, folder, count, seed)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYV_EDGE")}
    process = subprocess.Popen(
        [sys.executable, "-m", "running.herd", *map(str, made.states)],
        stdin=subprocess.PIPE, env={**environment, "PYTHONPATH": str(ROOT / "tests")}, start_new_session=True,
    )  # fmt: skip
    made.shepherd = process.pid
    try:
        made.first()
        yield made
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(20)


def _code_and_result(found: dict[str, Any]) -> dict[str, Any]:
    return {name: found[name] for name in ("agent_version", "result")}


def _parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _phase_on_disk(state: Path) -> str:
    try:
        return str(json.loads((state / "trial").read_bytes().split(b"\n")[0])["phase"])
    except (OSError, ValueError, KeyError):
        return "settled"


if __name__ == "__main__":
    shepherd([Path(word) for word in sys.argv[1:]])

"""Faults: processes killed at any moment, files that grew old. What must stand still stands (PROTOCOL 5, SECURITY)."""

from __future__ import annotations

import hashlib
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pyv_edge_agent.disk.journal import Journal
from pyv_fleet.core.views import RollbackSpec
from pyv_fleet.trust.authority import Authority, Places
from pyvorin_edge.envelope import open_envelope
from running.controller import Controller, controller, start
from running.demo import ROOT, until

pytestmark = pytest.mark.timeout(240)

CONFIG = """[sensors]
poll_interval_seconds = 1.0

[[sensors.devices]]
name = "t"
ingest_type = "simulator"
sensor_type = "temperature"
unit = "C"
base = {base}.0
"""
VERSIONS = ("1.1", "1.2", "1.3")


def released(up: Controller) -> dict[str, str]:
    """Releases 1.1 to 1.3, quick to prove; the live file's SHA-256 by version, "" for the provisioned one."""
    up.cli("channel", "set", "stable", "--settle-seconds", "0", "--beat-seconds", "2")
    hashes = {}
    for version in ("", *VERSIONS):
        config = up.folder / f"config-{version}.toml"
        config.write_text(CONFIG.format(base=version.rpartition(".")[2] or 0))
        hashes[version] = hashlib.sha256(config.read_bytes()).hexdigest()
        if version:
            gate = ("--gate-hold", "1", "--gate-within", "20")
            up.cli("release", "create", "--version", version, "--config", str(config), *gate)
    return hashes


def provisioned(up: Controller, serial: str) -> Path:
    """A device's state directory."""
    state = up.folder / serial
    config = str(up.folder / "config-.toml")
    up.cli("device", "provision", "--serial", serial, "--out", str(state), "--config", config)
    return state


def run_agent(state: Path) -> subprocess.Popen[bytes]:
    """A real agent that comes back to its broker within a second."""
    with (state.parent / f"{state.name}.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, ROOT / "tests" / "running" / "agent_process.py", state, "60"], stdout=log, stderr=log
        )


@contextmanager
def agents(*states: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Real agents that end with the block."""
    running = [run_agent(state) for state in states]
    try:
        yield running
    finally:
        for one in running:
            one.kill()
            one.wait()


def said(up: Controller, *words: str) -> Any:
    return json.loads(up.cli(*words, "-o", "json").stdout)


def live(state: Path) -> str:
    return hashlib.sha256((state / "config.toml").read_bytes()).hexdigest()


def kill_and_start(up: Controller) -> None:
    up.stop(signal.SIGKILL)
    up.process = start(up.folder).process


def roll_out(up: Controller, version: str, *words: str) -> None:
    up.cli("rollout", "create", "--channel", "stable", "--release", version, "--reason", "test", *words)


def test_a_controller_that_was_off_for_longer_than_its_crl_lives_comes_up(tmp_path: Path) -> None:
    with controller(tmp_path) as up:
        up.stop()
        places = Places(up.data / "ca")
        places.device_crl.unlink()
        Authority(places).write_crl((), datetime.now(UTC) - timedelta(days=40))
        up.process = start(tmp_path).process
        assert up.client().fleet().broker_pid is not None


def test_a_controller_killed_in_each_wave_ends_the_rollout_and_no_generation_goes_back(tmp_path: Path) -> None:
    chance = random.Random(7)
    with controller(tmp_path) as up:
        hashes = released(up)
        states = [provisioned(up, f"wave-{number}") for number in range(3)]
        with agents(*states):
            roll_out(up, "1.1", "--wave", "100%", "--soak", "0", "--timeout", "60")
            roll_out(up, "1.2", "--wave", "1", "--wave", "100%", "--soak", "1", "--no-wait")
            generation = 0
            for _ in range(3):
                time.sleep(chance.uniform(0.1, 1.5))
                kill_and_start(up)
                now = said(up, "channel", "show", "stable")["generation"]
                assert now >= generation
                generation = now
            until(lambda: said(up, "rollout", "show")["state"] == "completed", within=60, what="it is completed")
            assert {live(state) for state in states} == {hashes["1.2"]}


def test_a_controller_killed_in_the_middle_of_a_rollback_has_everybody_acknowledge(tmp_path: Path) -> None:
    with controller(tmp_path) as up:
        hashes = released(up)
        states = [provisioned(up, f"back-{number}") for number in range(2)]
        with agents(*states):
            roll_out(up, "1.1", "--wave", "100%", "--soak", "0", "--timeout", "60")
            roll_out(up, "1.2", "--wave", "1", "--wave", "100%", "--soak", "1", "--timeout", "60")
            begun = up.client().rollback(RollbackSpec(to="1.1", all=True, reason="test"))
            kill_and_start(up)
            until(lambda: up.client().rollback_status(begun.id).acknowledged == 2, within=60, what="both acknowledged")
            assert {live(state) for state in states} == {hashes["1.1"]}


def test_an_agent_killed_at_any_moment_is_on_a_whole_release_and_nothing_of_it_goes_back(tmp_path: Path) -> None:
    chance = random.Random(11)
    with controller(tmp_path) as up:
        hashes = released(up)
        state = provisioned(up, "killed")
        with agents(state) as running:
            roll_out(up, "1.1", "--wave", "100%", "--soak", "0", "--timeout", "60")
            boot = generation = 0
            for number in range(20):
                if number % 5 == 0:
                    order_back(up, VERSIONS[number // 5 % 3])
                time.sleep(chance.uniform(0.2, 1.6))
                running[0].kill()
                running[0].wait()
                assert live(state) in hashes.values()
                before, (boot, generation) = (boot, generation), remembered(state)
                assert (boot, generation) >= before
                running[0] = run_agent(state)
            order_back(up, "1.3")
            until(lambda: live(state) == hashes["1.3"], within=60, what="it runs what was ordered last")
            device = (state / "device_id").read_text().strip()
            until(lambda: said(up, "device", "show", device)["version"] == "1.3", within=60, what="the fleet knows it")
            assert not list(state.glob("*.corrupt*"))


def order_back(up: Controller, version: str) -> None:
    """A rollback rule always bears a higher attempt: a release that was killed too often is tried again."""
    up.cli(
        "rollback", "--to", version, "--all", "--reason", "test", "--yes", "--expect-count", "1", "--timeout", "0",
        code=None,
    )  # fmt: skip


def remembered(state: Path) -> tuple[int, int]:
    """(boot, generation) as the next start will find them; what is heard is what is desired."""
    journal = Journal(state)
    memory = json.loads(journal.read("state") or b"{}")
    directive = journal.read("desired-directive")
    if directive is None:
        return memory["boot"], 0
    generation = json.loads(open_envelope(directive).payload)["generation"]
    assert memory["heard"]["stable"]["generation"] == generation
    return memory["boot"], generation

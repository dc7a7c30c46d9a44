"""A controller killed, its store deleted: it is made again of what the broker holds and devices say (PROTOCOL 5)."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from running.controller import Controller, start
from running.demo import ROOT, until
from running.released import released, roll_out, said, versions
from running.simulated import CONFIG, simulated

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Controller]:
    with released(tmp_path) as running:
        yield running


def agent(up: Controller, stack: ExitStack, serial: str) -> None:
    """A real agent, labelled, until the stack closes."""
    state, config = up.folder / serial, up.folder / "first.toml"
    config.write_text(CONFIG.format(interval=1))
    up.cli("device", "provision", "--serial", serial, "--out", str(state), "--config", str(config),
           "--label", f"name={serial}")  # fmt: skip
    log = stack.enter_context((up.folder / f"{serial}.log").open("ab"))
    program = [sys.executable, ROOT / "tests" / "running" / "agent_process.py", state, "60"]
    process = subprocess.Popen(program, stdout=log, stderr=log)
    stack.callback(process.wait)
    stack.callback(process.kill)


def recover(up: Controller, *words: str, code: int = 0) -> str:
    done = up.cli("recover", "--from-broker", "--data", str(up.data), "--operator", str(up.operator),
                  "--reason", "the disk died", *words, code=code)  # fmt: skip
    return done.stderr


def test_a_lost_store_is_made_again_and_the_fleet_goes_on(up: Controller) -> None:
    with ExitStack() as stack:
        for serial in ("real-1", "real-2"):
            agent(up, stack, serial)
        stack.enter_context(simulated(up, 3, "many"))
        roll_out(up, "1.0", "100%")
        roll_out(up, "1.1", "1", "100%")
        before = said(up, "channel", "show", "stable")
        devices = {one["device_id"]: one["labels"] for one in said(up, "device", "list")["items"]}
        attempt = max(one["attempt"] for one in before["rules"])

        up.stop(signal.SIGKILL)
        for file in up.data.glob("fleet.db*"):
            file.unlink()
        assert "5 devices, not the 4 expected" in recover(up, "--yes", "--expect-count", "4", code=6)
        assert not (up.data / "fleet.db").exists()
        told = recover(up, "--yes", "--expect-count", "5")
        assert "5 with an assignment, 5 of them said what they hold" in told
        assert "not lost" in recover(up, "--yes", "--expect-count", "5", code=6)

        up.process = start(up.folder).process
        until(lambda: set(versions(up).values()) == {"1.1"}, within=30, what="all run what they ran")
        after = said(up, "channel", "show", "stable")
        assert (after["golden_version"], after["generation"]) == ("1.1", before["generation"])
        assert {one["device_id"]: one["labels"] for one in said(up, "device", "list")["items"]} == devices
        assert [one["act"] for one in said(up, "audit", "list")["items"]][-1] == "store.recover"
        assert not said(up, "fleet", "status")["alerts"]
        roll_out(up, "1.2", "1", "100%")
        assert set(versions(up).values()) == {"1.2"}
        words = ("rollback", "--to", "1.1", "--all", "--reason", "x", "--yes", "--expect-count", "5", "--timeout", "60")
        up.cli(*words)
        rules = said(up, "channel", "show", "stable")["rules"]
        assert rules[0]["attempt"] > attempt


def test_a_broker_that_holds_nothing_makes_no_store(up: Controller) -> None:
    up.stop()
    for file in (*up.data.glob("fleet.db*"), up.data / "broker" / "retained.db"):
        file.unlink(missing_ok=True)
    assert "nothing to recover from" in recover(up, code=5)
    assert not (up.data / "fleet.db").exists()

"""A real agent that lives by HTTPS alone, under a real controller: enrolled, ordered, heard, renewed."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyv_edge_agent.link import enrol
from pyv_edge_agent.link.interface import Credentials, Passport
from pyv_edge_agent.link.validity import validity_of
from pyvorin_edge.trust import Link as Whereabouts
from running.controller import Controller, controller
from running.demo import BIN, until


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    with controller(tmp_path_factory.mktemp("http")) as up:
        yield up


@pytest.fixture(scope="module")
def state(running: Controller) -> Iterator[Path]:
    """A device's state directory, and its agent that runs on it."""
    state = running.folder / "device"
    running.cli("device", "provision", "--serial", "http-1", "--out", str(state))
    argv = [BIN / "pyv-edge-agent", "run", "--state-dir", state, "--link", "http", "--health-port", "0"]
    with (running.folder / "agent.log").open("wb") as log:
        agent = subprocess.Popen([*argv, "--clock", "synced"], stdout=log, stderr=log)
    yield state
    agent.send_signal(signal.SIGTERM)
    assert agent.wait(timeout=5) == 0


def device(running: Controller, state: Path) -> dict[str, Any]:
    said = running.cli("device", "show", (state / "device_id").read_text().strip(), "-o", "json").stdout
    found: dict[str, Any] = json.loads(said)
    return found


def test_an_order_reaches_it_and_its_report_comes_back(running: Controller, state: Path, tmp_path: Path) -> None:
    until(lambda: device(running, state)["connectivity"] == "online", within=30, what="online by its first report")
    config = tmp_path / "config.toml"
    config.write_bytes(b"[sensors]\npoll_interval_seconds = 1.0\n\n[windows]\ndefault_size = 7\n")
    running.cli("release", "create", "--config", str(config), "--version", "1.0", "--gate-hold", "0")
    words = ("--channel", "stable", "--release", "1.0", "--wave", "100%", "--soak", "0", "--reason", "a test")
    running.cli("rollout", "create", *words)  # 0: judged good by what the device reported
    until(lambda: device(running, state)["version"] == "1.0", within=60, what="it runs the release and says so")


def test_its_certificate_is_renewed_with_the_same_key(running: Controller, state: Path) -> None:
    place = Credentials(state / "device.pem", state / "device.key")
    before = place.certificate.read_bytes()
    passport = Passport(place, (state / "server_ca.pem").read_text())
    where = Whereabouts(http=(running.ready["api"],))
    renewed = enrol.renew(running.ready["api"], where, passport, (state / "device_id").read_text().strip())
    first, second = validity_of(before), validity_of(renewed)
    assert first is not None
    assert second is not None
    assert second.not_after >= first.not_after
    assert enrol.fits(renewed, place.key.read_bytes(), (state / "device_id").read_text().strip())

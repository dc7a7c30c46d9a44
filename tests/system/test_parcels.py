"""The stick, whole: what `release export` writes at a real controller, a real agent without network applies."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pyv_edge_agent.exits import Exit
from running.bundles import FILES, lay
from running.controller import Controller, controller
from running.demo import BIN, until
from running.sshd import USER, SshHost, make_key

AGENT = BIN / "pyv-edge-agent"
CONFIG = b"[sensors]\npoll_interval_seconds = 0.2\n\n[windows]\ndefault_size = 7\n"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    with controller(tmp_path_factory.mktemp("parcels")) as up:
        up.cli("channel", "set", "field")
        (up.folder / "config.toml").write_bytes(CONFIG)
        yield up


@pytest.fixture
def state(running: Controller, tmp_path: Path) -> Path:
    """A device that knows the fleet's root key and nothing else of it."""
    running.cli("trust", "anchor", "--out", str(tmp_path / "trust_anchor.json"))
    words = ("--offline", "--trust-anchor", tmp_path / "trust_anchor.json", "--out", tmp_path / "state")
    subprocess.run([AGENT, "provision", *words, "--device-id", "FLEET-field"], check=True, capture_output=True)
    return tmp_path / "state"


def release(running: Controller, version: str, *words: str) -> None:
    running.cli("release", "create", "--version", version, "--config", str(running.folder / "config.toml"), *words)


def export(running: Controller, out: Path, version: str, *words: str) -> dict[str, Any]:
    done = running.cli("release", "export", "--channel", "field", "--release", version, "--reason", "by stick",
                       "--out", str(out), *words, "-o", "json")  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@contextmanager
def agent(state: Path) -> Iterator[None]:
    argv = [AGENT, "run", "--state-dir", state, "--health-port", "0", "--clock", "synced"]
    with (state / "agent.log").open("ab") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log)
    until((state / "agent.sock").exists, within=30, what="the agent answers")
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0


def apply(state: Path, *words: object) -> tuple[int, dict[str, Any]]:
    argv = [AGENT, "apply", "--state-dir", state, "--json", *map(str, words)]
    done = subprocess.run(argv, capture_output=True, timeout=90, check=False)
    return done.returncode, json.loads(done.stdout)


def test_what_was_exported_is_applied_and_a_newer_one_after_it(
    running: Controller, state: Path, tmp_path: Path
) -> None:
    release(running, "1.0")
    release(running, "1.1")
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    export(running, first, "1.0")
    told = export(running, second, "1.1")
    assert told["releases"] == ["1.1"]
    with agent(state):
        assert apply(state, first, "--check")[1]["version"] == "1.0"
        code, said = apply(state, first, "--wait", "60")
        assert (code, said["version"], said["was"]) == (Exit.DONE, "1.0", None)
        assert (state / "config.toml").read_bytes() == CONFIG
        code, said = apply(state, second, "--wait", "60")
        assert (code, said["version"], said["generation"]) == (Exit.DONE, "1.1", told["generation"])
        assert apply(state, first)[0] == Exit.CONFLICT, "the older stick comes too late"


def test_a_release_with_a_bundle_is_exported_with_its_archive(running: Controller, state: Path, tmp_path: Path) -> None:
    release(running, "2.0", "--bundle", str(lay(running.folder / "code", FILES)))
    stick = tmp_path / "stick"
    told = export(running, tmp_path / "parcel.json", "2.0", "--bundle-to", str(stick))
    assert len(told["bundles"]) == 1
    with agent(state):
        code, said = apply(state, tmp_path / "parcel.json", "--bundle", told["bundles"][0], "--wait", "60")
        assert (code, said["version"]) == (Exit.DONE, "2.0")
        assert {path: (state / "current" / path).read_bytes() for path in FILES} == FILES


def test_a_push_by_ssh_orders_the_release_at_the_controller_and_brings_it_to_an_ansible_inventory(
    running: Controller, state: Path, tmp_path: Path
) -> None:
    release(running, "3.0")
    key = make_key(tmp_path / "key")
    host = SshHost(tmp_path, "gate", key, state)
    host.start()
    (tmp_path / "known").write_text(host.known_line())
    reached = f"ansible_host=127.0.0.1 ansible_port={host.port} ansible_user={USER}"
    (tmp_path / "hosts").write_text(f"[field]\ngate {reached} pyvorin_device=FLEET-field\n")
    words = ("push", "ssh", "--inventory", tmp_path / "hosts", "--group", "field", "--known-hosts", tmp_path / "known",
             "--identity", key, "--ssh-config", "/dev/null", "--channel", "field")  # fmt: skip
    try:
        with agent(state):
            done = running.cli(*map(str, words), "--release", "3.0", "--reason", "by SSH", "--soak", "0", "--yes",
                               "--expect-count", "1", "-o", "json")  # fmt: skip
            [row] = json.loads(done.stdout)
            assert (row["state"], row["device"], row["release"]) == ("committed", "FLEET-field", "3.0")
            assert running.cli(*map(str, words), "--check").returncode == 0
    finally:
        host.stop()


def test_a_channel_that_devices_follow_over_the_network_needs_a_rollout(running: Controller, tmp_path: Path) -> None:
    running.cli("device", "provision", "--serial", "networked", "--out", str(tmp_path / "networked"))
    refused = running.cli("release", "export", "--channel", "stable", "--release", "1.0", "--reason", "x",
                          "--out", str(tmp_path / "no.json"), code=6)  # fmt: skip
    assert "start a rollout" in refused.stderr
    assert not (tmp_path / "no.json").exists()

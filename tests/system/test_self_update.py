"""The agent replaces its own code by a bundle; whatever the new code does, the device ends on code that works."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from pyv_edge_agent.disk.launch_file import BUNDLES
from pyvorin_edge.vocabulary import Connectivity
from running.controller import Controller, controller
from running.demo import until
from running.self_update import KeptAlive, agent_bundle, order, release

ENTRY = "pyv_edge_agent/__main__.py"
INSTALLED = "pyv_edge_agent/installed.py"
_SAID = "return name.removeprefix(_BEFORE).removesuffix(_AFTER)"
VERSION = (_SAID, _SAID + ' + "+{}"')
AT_IMPORT = '"""`python -m pyv_edge_agent`'
Changes = Mapping[str, tuple[str, str]]


def before(line: str, put: str) -> tuple[str, str]:
    """A change that puts something before a line."""
    return line, f"{put}{line}"


def instead(head: str, body: str) -> tuple[str, str]:
    """A change that gives a function or method another body; the rest of the old one is never reached."""
    indent = " " * (len(head) - len(head.lstrip()) + 4)
    return head, f"{head}{indent}{body}\n"


START: Final = "    def start(self, me: Self, listener: Listener) -> None:\n"
#: what is wrong with the code, and the cause that the device gives for going back
BAD: Final[dict[str, tuple[Changes, str]]] = {
    "crashes at import": ({ENTRY: before(AT_IMPORT, "raise SystemExit(9)\n")}, "boot_loop"),
    "hangs at import": ({ENTRY: before(AT_IMPORT, "import time; time.sleep(3600)\n")}, "boot_loop"),
    "is killed at start": ({ENTRY: before(AT_IMPORT, "import os; os.kill(os.getpid(), 9)\n")}, "boot_loop"),
    "hangs once it is up": (
        {"pyv_edge_agent/updater.py": instead("    def _work(self) -> None:\n", "threading.Event().wait()")},
        "boot_loop",
    ),
    "is never healthy": (
        {
            "pyv_edge_agent/daily.py": instead(
                "    def _status(self, ingest: Ingest, trouble: str | None) -> HealthStatus:\n",
                "return HealthStatus.UNHEALTHY",
            )
        },
        "gate",
    ),
    "reaches its fleet no more": (
        {
            "pyv_edge_agent/link/kept.py": instead(START, "return"),
            "pyv_edge_agent/core/device.py": ("reach_seconds: float = 600.0", "reach_seconds: float = 4.0"),
        },
        "cut_off",
    ),
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    with controller(tmp_path_factory.mktemp("self-update")) as up:
        yield up


class Site:
    """A device of a channel of its own, on its first release: version 1, no bundle."""

    def __init__(self, running: Controller, name: str, state: Path) -> None:
        self.running = running
        self.name = name
        running.cli("channel", "set", name, "--settle-seconds", "0")
        running.cli("device", "provision", "--serial", name, "--channel", name, "--out", str(state))
        self.agent = KeptAlive(state, "--watchdog-seconds", "3")
        self.release("1", 5.0)
        self.settle_on("1")

    def release(self, version: str, interval: float, bundle: Path | None = None) -> None:
        """Publish and order it."""
        release(self.running, f"{self.name}-{version}", interval, bundle)
        order(self.running, self.name, f"{self.name}-{version}")

    def settle_on(self, version: str, within: float = 90.0) -> dict[str, Any]:
        """Wait until it rests on a release; its status."""
        wanted = f"{self.name}-{version}"
        return self.agent.until(
            lambda found: (found.get("release"), found.get("phase")) == (wanted, "settled"), f"{wanted}", within
        )

    def end(self, code: str, within: float = 120.0) -> dict[str, Any]:
        """Wait until its last result has this cause, and it rests; its status."""
        return self.agent.until(
            lambda found: found["phase"] == "settled" and (found["result"] or {}).get("code") == code, code, within
        )

    @property
    def interval(self) -> str:
        """Of the live config."""
        return (self.agent.state / "config.toml").read_text()


@pytest.fixture
def site(running: Controller, request: pytest.FixtureRequest) -> Iterator[Site]:
    name = "".join(letter for letter in request.node.name if letter.isalnum())[-24:].lower()
    made = Site(running, name, running.folder / name)
    yield made
    made.agent.close()


def test_new_code_runs_and_the_code_before_comes_back_with_its_release(site: Site, tmp_path: Path) -> None:
    before = site.settle_on("1")["agent_version"]
    site.release("2", 6.0, agent_bundle(tmp_path / "a", {INSTALLED: (VERSION[0], VERSION[1].format("two"))}))
    assert site.settle_on("2")["agent_version"] == f"{before}+two"
    site.release("3", 7.0, agent_bundle(tmp_path / "b", {INSTALLED: (VERSION[0], VERSION[1].format("three"))}))
    assert site.settle_on("3")["agent_version"] == f"{before}+three"
    site.agent.kill()
    assert site.settle_on("3")["agent_version"] == f"{before}+three", "it starts on it again"
    device = (site.agent.state / "device_id").read_text().strip()
    client = site.running.client()
    until(lambda: client.device(device).connectivity is Connectivity.ONLINE, within=30, what="the fleet hears it")
    done = site.running.cli(
        "rollback", "--to", f"{site.name}-2", "--channel", site.name, "--reason", "a test",
        "--yes", "--expect-count", "1", "--timeout", "50",
    )  # fmt: skip
    assert "1 of 1 online devices acknowledged" in done.stderr, "that it restarts on its way is no end"
    assert site.settle_on("2")["agent_version"] == f"{before}+two"


@pytest.mark.parametrize("what", list(BAD))
def test_new_code_that_does_not_work_gives_way_to_the_code_before(site: Site, tmp_path: Path, what: str) -> None:
    changes, cause = BAD[what]
    before = site.settle_on("1")["agent_version"]
    site.release("2", 6.0, agent_bundle(tmp_path / "bad", changes))
    found = site.end(cause)
    assert (found["release"], found["agent_version"]) == (f"{site.name}-1", before)
    assert "interval_seconds = 5.0" in site.interval
    site.release("3", 7.0)
    site.settle_on("3")


@pytest.mark.skipif(os.geteuid() != 0, reason="a small file system is mounted, which only root may")
def test_new_code_that_fills_the_disk_gives_way_to_the_code_before(running: Controller, tmp_path: Path) -> None:
    small = running.folder / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=0700", "tmpfs", str(small)], check=True)
    try:
        site = Site(running, "small", small / "state")
        try:
            fill = (
                "import pathlib, sys\n"
                "words = sys.argv; state = pathlib.Path(words[words.index('--state-dir') + 1])\n"
                "with (state / 'junk').open('wb', buffering=0) as junk:\n"
                "    while True:\n"
                "        junk.write(bytes(4096))\n"
            )
            site.release("2", 6.0, agent_bundle(tmp_path / "bad", {ENTRY: (AT_IMPORT, fill + AT_IMPORT)}))
            found = site.end("disk")
            assert found["release"] == "small-1"
            assert (small / "state" / "junk").stat().st_size > 8 * 1024 * 1024, "the disk was full indeed"
            (small / "state" / "junk").unlink()
            site.release("3", 7.0)
            site.settle_on("3")
        finally:
            site.agent.close()
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


def test_a_device_whose_launcher_forgot_all_or_whose_bundle_is_gone_finds_back_to_what_is_committed(
    site: Site, tmp_path: Path
) -> None:
    before = site.settle_on("1")["agent_version"]
    site.release("2", 6.0, agent_bundle(tmp_path / "a", {INSTALLED: (VERSION[0], VERSION[1].format("two"))}))
    site.settle_on("2")
    (site.agent.state / "launch").unlink()
    site.agent.kill()
    site.agent.until(lambda found: found["agent_version"] == f"{before}+two", "its own code again")
    site.settle_on("2")
    (slot,) = (site.agent.state / BUNDLES).iterdir()
    shutil.rmtree(slot)
    site.agent.kill()
    site.agent.until(lambda found: found["agent_version"] == f"{before}+two" and slot.is_dir(), "fetched again")
    site.settle_on("2")

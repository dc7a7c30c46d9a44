"""An agent that a supervisor keeps alive, and bundles that hold an agent of its own code, good or bad."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from pyv_edge_agent.control import ControlError, ask
from running.controller import Controller
from running.demo import ROOT, until
from running.ports import free_ports

CONFIG: Final = "[sensors]\npoll_interval_seconds = {interval}\n"
#: a hang at import is ended after so long (PYV_EDGE_UP_SECONDS)
UP_SECONDS: Final = 12


class KeptAlive:
    """`pyv-edge-agent run` under a supervisor as simple as they come: whatever ends is started again at once."""

    def __init__(self, state: Path, *words: str) -> None:
        self.state = state
        self.log = state.with_name(f"{state.name}.log")
        self.ends: list[int] = []
        self._words = words
        self._port = free_ports(1)[0]
        self._wanted = True
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._keeper.start()

    def status(self) -> dict[str, Any]:
        """What the running agent says of itself: where it stands, and its last result; empty while none answers."""
        try:
            found: dict[str, Any] = ask(self.state / "agent.sock", "status")
        except ControlError:
            return {}
        return {**found["place"], "agent_version": found["agent_version"], "result": found["result"]}

    def until(self, seen: Callable[[dict[str, Any]], bool], what: str, within: float = 60.0) -> dict[str, Any]:
        """Wait until its status is such."""

        def look() -> dict[str, Any] | None:
            found = self.status()
            return found if found and seen(found) else None

        try:
            return until(look, within=within, what=what)
        except pytest.fail.Exception as why:
            last = "\n".join(self.log.read_text(errors="replace").splitlines()[-40:])
            raise AssertionError(f"{what}: {why}\nits status: {self.status()}\nits ends: {self.ends}\n{last}") from None

    def kill(self) -> None:
        """kill -9; it is started again."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)

    def close(self) -> None:
        """End it for good."""
        self._wanted = False
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
        self._keeper.join(10)

    def _keep(self) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYV_EDGE")}
        environment["PYV_EDGE_UP_SECONDS"] = str(UP_SECONDS)
        argv = [sys.executable, "-P", "-m", "pyv_edge_agent", "run", "--state-dir", str(self.state)]
        argv += ["--health-port", str(self._port), "--clock", "synced", *self._words]
        while self._wanted:
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(
                    argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
                )
            self.ends.append(self._process.wait())


def agent_bundle(folder: Path, changes: Mapping[str, tuple[str, str]]) -> Path:
    """A bundle directory with this checkout's agent in `site/`; `changes`: file → (a piece of it, instead)."""
    site = folder / "site"
    for package in ("pyvorin_edge", "pyv_edge_agent"):
        shutil.copytree(ROOT / "src" / package, site / package, ignore=shutil.ignore_patterns("__pycache__"))
    for file, (before, after) in changes.items():
        path = site / file
        text = path.read_text()
        assert before in text, f"{file} no longer holds {before!r}: mend this test"
        path.write_text(text.replace(before, after, 1))
    return folder


def release(running: Controller, version: str, interval: float, bundle: Path | None = None) -> None:
    """Publish a release, with a gate that does not wait long."""
    config = running.folder / f"{version}.toml"
    config.write_text(CONFIG.format(interval=interval))
    words = ["--gate-within", "20", "--gate-hold", "1", *(("--bundle", str(bundle)) if bundle else ())]
    running.cli("release", "create", "--version", version, "--config", str(config), *words)


def order(running: Controller, channel: str, version: str) -> None:
    """Order it for the whole channel, and do not wait."""
    running.cli(
        "rollout", "create", "--channel", channel, "--release", version, "--wave", "100%", "--soak", "0",
        "--supersede", "--no-wait", "--reason", "a test",
    )  # fmt: skip

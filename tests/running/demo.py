"""The demo as system tests see it: real controller, broker, agents and simulator, started as a user would."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


def until(seen: Callable[[], T | None], *, within: float, what: str) -> T:
    """The first truthy answer of `seen`; fails with `what` and the last answer after `within` seconds."""
    deadline = time.monotonic() + within
    last: Any = None
    while True:
        try:
            last = seen()
        except (OSError, ValueError, LookupError) as why:
            last = why
        else:
            if last:
                return last
        if time.monotonic() > deadline:
            pytest.fail(f"not within {within} s: {what}; last seen: {last!r}")
        time.sleep(0.05)


@dataclass
class Agent:
    """One real agent of the demo, seen by what it does itself: its process, its files, its `/health`."""

    id: str
    pid: int
    state_dir: Path
    config: Path
    health_url: str

    def health(self) -> dict[str, Any]:
        with urllib.request.urlopen(self.health_url, timeout=5) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def fleet(self) -> dict[str, Any]:
        found: dict[str, Any] = self.health()["fleet"]
        return found

    def config_hash(self) -> str:
        """The article's own canonical hash of the live file."""
        from pyv_edge_agent.config import Config
        from pyvorin_edge.canonical import config_hash

        return config_hash(Config.from_file(self.config).to_dict())


@dataclass
class Demo:
    """A running demo and the CLI beside it."""

    process: subprocess.Popen[str]
    directory: Path
    facts: dict[str, Any]
    agents: list[Agent] = field(default_factory=list)

    def cli(self, *words: str, code: int | None = 0, timeout: float = 90) -> subprocess.CompletedProcess[str]:
        """`pyv-fleet WORDS` as the demo's operator; fails unless it exits with `code` (none: any)."""
        done = subprocess.run(
            [str(BIN / "pyv-fleet"), *words],
            env={**os.environ, "PYV_FLEET_HOME": str(self.directory / "operator")},
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=self.directory,
        )
        if code is not None and done.returncode != code:
            pytest.fail(
                f"pyv-fleet {' '.join(words)} exited {done.returncode}, not {code}\n{done.stdout}\n{done.stderr}"
            )
        return done

    def json(self, *words: str, code: int | None = 0, timeout: float = 90) -> Any:
        """What `pyv-fleet WORDS -o json` says."""
        return json.loads(self.cli(*words, "-o", "json", code=code, timeout=timeout).stdout)

    def device(self, device_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.json("device", "show", device_id)
        return found

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=60)
        for agent in self.agents:  # those that a test started are not the demo's to end
            with contextlib.suppress(ProcessLookupError):
                os.kill(agent.pid, signal.SIGKILL)


def demo_argv(directory: Path, *words: str) -> list[str]:
    """The command that starts a demo below `directory`."""
    return [str(BIN / "pyv-fleet"), "demo", "--dir", str(directory / "demo"), *words]


def make_argv(directory: Path, *words: str) -> list[str]:
    """The same by `make demo`."""
    options = shlex.join(["--dir", str(directory / "demo"), *words])
    return ["make", "-s", "-C", str(ROOT), "demo", f"DEMO={options}"]


def spawn_demo(directory: Path, argv: Sequence[str]) -> subprocess.Popen[str]:
    """Started as from a terminal of its own; what it says goes to `demo.log`."""
    with (directory / "demo.log").open("w") as log:
        return subprocess.Popen(
            argv, stdout=log, stderr=subprocess.STDOUT, text=True, cwd=directory, start_new_session=True
        )


def words_of(directory: Path) -> str:
    """What a demo below `directory` has said so far."""
    return (directory / "demo.log").read_text()


def left_of(directory: Path) -> list[str]:
    """Command lines of the processes that name `directory`: a demo's parts all do."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and entry.name != str(os.getpid()):
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                if str(directory) in words:
                    found.append(f"{entry.name} {words}")
    return found


def start_demo(directory: Path, *words: str, argv: Sequence[str] | None = None) -> Demo:
    """`pyv-fleet demo` in `directory` (or `argv` that starts one there), up and healthy."""
    process = spawn_demo(directory, argv or demo_argv(directory, *words))
    facts_path = directory / "demo" / "demo.json"

    def facts() -> dict[str, Any] | None:
        if process.poll() is not None:
            pytest.fail(f"the demo ended with {process.returncode}:\n{words_of(directory)}")
        return json.loads(facts_path.read_text()) if facts_path.exists() else None

    found = until(facts, within=120, what="the demo is up (demo.json)")
    agents = [
        Agent(one["id"], one["pid"], Path(one["state_dir"]), Path(one["config"]), one["health_url"])
        for one in found["agents"]
    ]
    return Demo(process, directory / "demo", found, agents)

"""A controller as a process: founded, served, with its managed broker, on ports of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyv_fleet.client import FleetClient
from running.demo import BIN, until
from running.ports import free_ports


@dataclass
class Controller:
    """`pyv-fleet serve` and the two homes."""

    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def data(self) -> Path:
        return self.folder / "controller"

    @property
    def operator(self) -> Path:
        return self.folder / "operator"

    @property
    def ready(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.data / "ready.json").read_text())
        return found

    @property
    def log(self) -> str:
        return (self.folder / "serve.log").read_text()

    def client(self) -> FleetClient:
        return FleetClient.at(self.operator)

    def cli(self, *words: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [BIN / "pyv-fleet", *words], env={**os.environ, "PYV_FLEET_HOME": str(self.operator)},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert code is None or done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=20)


def found(folder: Path, *words: str) -> None:
    """`pyv-fleet fleet init` in `folder`, on free ports."""
    api, page, mqtt = free_ports(3)
    subprocess.run(
        [BIN / "pyv-fleet", "fleet", "init", "--data", folder / "controller", "--operator", folder / "operator",
         "--name", "lab", "--api-port", str(api), "--page-port", str(page), "--mqtt-port", str(mqtt), *words],
        check=True, capture_output=True,
    )  # fmt: skip


def launch(folder: Path, *words: str) -> Controller:
    """`pyv-fleet serve` on what was founded in `folder`; perhaps not up yet."""
    with (folder / "serve.log").open("ab") as log:
        process = subprocess.Popen(
            [BIN / "pyv-fleet", "serve", "--data", folder / "controller", *words], stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    return Controller(folder, process)


def start(folder: Path, *words: str) -> Controller:
    """`pyv-fleet serve` on what was founded in `folder`, up."""
    running = launch(folder, *words)

    def up() -> bool:
        assert running.process.poll() is None, running.log
        return bool(running.ready["pid"] == running.process.pid)  # a killed one has left its own

    until(up, within=60, what="the controller is up")
    return running


@contextmanager
def controller(folder: Path, *words: str) -> Iterator[Controller]:
    """Founded and up; ended with the block."""
    found(folder, *words)
    running = start(folder)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.stop()

"""A real agent process of no fleet, and its supervisor: what it told, and whom it left behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyvorin_edge.config.formats import write
from pyvorin_edge.vocabulary import ConfigFormat
from running.demo import until
from running.ports import free_ports


class Supervised:
    """An agent under a supervisor that listens on NOTIFY_SOCKET."""

    def __init__(self, root: Path) -> None:
        self.state = root / "state"
        self.state.mkdir(mode=0o700)
        (self.state / "device_id").write_text("FLEET-0a1b2c3d4e5f\n")
        self.log = root / "agent.log"
        self.port = free_ports(1)[0]
        self.told: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.address = str(root / "notify")
        self._socket.bind(self.address)
        self._socket.setblocking(False)
        self._processes: list[subprocess.Popen[bytes]] = []

    def configure(self, **sections: Any) -> None:
        """Write the live config."""
        (self.state / "config.toml").write_bytes(write(sections, ConfigFormat.TOML))

    def start(self, *words: str, watchdog_seconds: float | None = None) -> subprocess.Popen[bytes]:
        """Start `run`; what it needs of a supervisor is in its environment."""
        environment = {**os.environ, "NOTIFY_SOCKET": self.address}
        if watchdog_seconds is not None:
            environment["WATCHDOG_USEC"] = str(int(watchdog_seconds * 1e6))
        return self.launch([sys.executable, "-m", "pyv_edge_agent"], environment, *words)

    def launch(self, program: list[str], environment: Mapping[str, str], *words: str) -> subprocess.Popen[bytes]:
        """The same by any program that takes the agent's words."""
        argv = [*program, "run", "--state-dir", str(self.state), "--health-port", str(self.port), *words]
        with self.log.open("ab") as log:
            process = subprocess.Popen(argv, stdout=log, stderr=log, env=dict(environment))
        self._processes.append(process)
        return process

    def heard(self, line: str) -> bool:
        """Whether the supervisor was ever told this line."""
        while True:
            try:
                self.told.append(self._socket.recv(65536).decode())
            except BlockingIOError:
                return any(line in told.splitlines() for told in self.told)

    def up(self) -> None:
        """Wait until it says that it is ready."""
        until(lambda: self.heard("READY=1"), within=30, what="READY=1")

    def forget(self) -> None:
        """What was told until now does not count."""
        self.heard("")
        self.told.clear()

    def health(self) -> dict[str, Any]:
        """Its /health document."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def close(self) -> None:
        """Leave nothing behind."""
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()
        self._socket.close()


@contextmanager
def supervised(root: Path) -> Iterator[Supervised]:
    """One, for as long as a test takes."""
    made = Supervised(root)
    try:
        yield made
    finally:
        made.close()

"""SIGHUP over and over while readings and messages come: what was read or queued arrives, whatever the file says."""

from __future__ import annotations

import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyv_edge_agent.cloud_sync.queue import CloudSyncQueue
from running.demo import until
from running.ports import free_ports

pytestmark = pytest.mark.timeout(120)

ROUNDS = 12


class Collector:
    """Takes batches as the cloud does; every fifth is refused."""

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = []
        self.paths: set[str] = set()
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            asked = 0

            def do_POST(self) -> None:
                batch = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                Handler.asked += 1
                taken = Handler.asked % 5 != 0
                if taken:
                    collector.items.extend(batch["items"])
                    collector.paths.add(self.path)
                self.send_response(200 if taken else 500)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def numbers(self) -> set[int]:
        return {item["n"] for item in self.items if "n" in item}

    def readings(self) -> set[tuple[str, float]]:
        """The agent's own; one that came twice counts once."""
        return {(item["sensor_name"], item["timestamp"]) for item in self.items if "sensor_name" in item}


class Device:
    """An agent of no fleet, and the file that it runs on."""

    def __init__(self, root: Path, collector: Collector) -> None:
        self.root = root
        self.collector = collector
        self.port = free_ports(1)[0]
        self.config = root / "config.toml"
        (root / "device_id").write_text(f"FLEET-{uuid.uuid4().hex[:12]}\n")
        self.write(self.text(0))
        argv = [sys.executable, "-m", "pyv_edge_agent", "--config", str(self.config)]
        self.process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def text(self, number: int) -> str:
        """A good config, another in each section for each number."""
        return "\n".join(
            (
                f'cloud = {{ enabled = true, endpoint = "http://127.0.0.1:{self.collector.port}/{number % 2}", '
                f"batch_size = {50 + number}, flush_interval_seconds = 0.{1 + number % 3} }}",
                f'privacy = {{ rules = [{{ sensor_pattern = "none-{number}", action = "mask" }}] }}',
                f'logging = {{ level = "{("INFO", "DEBUG")[number % 2]}" }}',
                f"health = {{ port = {self.port} }}",
                f'sensors = {{ poll_interval_seconds = 0.05, devices = [{{ name = "sensor-{number // 2}" }}] }}',
                "",
            )
        )

    def write(self, text: str) -> None:
        """Replace the file in one step, as an editor does."""
        new = self.root / "new"
        new.write_text(text)
        os.replace(new, self.config)

    def hup(self) -> None:
        self.process.send_signal(signal.SIGHUP)

    def health(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def sends_to(self, path: str) -> None:
        until(lambda: path in self.collector.paths, within=15, what=f"batches go to {path}")

    def reads(self, name: str) -> None:
        until(lambda: self.health()["ingest"]["adapters_connected"] == [name], within=15, what=f"it reads {name}")


class Enqueuer:
    """Another process's share: numbers, one after the other, into the same queue."""

    def __init__(self, path: Path) -> None:
        self.count = 0
        self._queue = CloudSyncQueue(path)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        self._ending.set()
        self._thread.join()
        self._queue.close()

    def _run(self) -> None:
        while not self._ending.wait(0.01):
            self._queue.enqueue({"n": self.count})
            self.count += 1


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    collector = Collector()
    made = Device(tmp_path, collector)
    yield made
    made.process.kill()
    made.process.wait()
    collector.server.shutdown()
    collector.server.server_close()


def test_nothing_is_lost_over_reloads_of_good_and_broken_files(device: Device) -> None:
    device.reads("sensor-0")
    enqueuer = Enqueuer(device.root / "sync_queue.db")
    try:
        for number in range(1, ROUNDS):
            device.write(device.text(number))
            device.hup()
            device.collector.paths.clear()
            device.sends_to(f"/{number % 2}")
            device.reads(f"sensor-{number // 2}")
            if number % 3 == 0:
                device.write("[health]\nport = 0\n[broken")
                device.hup()
                until(lambda: "broken" not in device.config.read_text(), within=15, what="the good file is back")
    finally:
        enqueuer.stop()
    device.write(device.text(ROUNDS).replace('devices = [{ name = "sensor-6" }]', "devices = []"))
    device.hup()
    until(lambda: device.health()["ingest"]["devices_configured"] == 0, within=15, what="no sensor is read any more")
    until(lambda: device.health()["cloud"]["queue_depth"] == 0, within=30, what="all was taken")
    assert device.collector.numbers() == set(range(enqueuer.count))
    assert len(device.collector.readings()) == device.health()["agent"]["readings_processed"] > ROUNDS
    device.process.send_signal(signal.SIGTERM)
    assert device.process.wait(timeout=5) == 0

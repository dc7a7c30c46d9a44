"""A real agent with real sensors: a mosquitto beside it, a webhook, a recording; and what it makes of them."""

from __future__ import annotations

import json
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from pyv_edge_agent.cloud_sync.queue import CloudSyncQueue
from running.demo import BIN, until
from running.local_broker import LocalBroker
from running.ports import free_ports

pytestmark = pytest.mark.timeout(120)
TOKEN = "a-token-of-some-length"


class Device:
    """An agent by its own command, without a fleet, with the sensors under test."""

    def __init__(self, root: Path) -> None:
        self.state = root / "state"
        self.log = root / "agent.log"
        self.broker = LocalBroker(root)
        self.health_port, self.webhook_port = free_ports(2)
        self._process: subprocess.Popen[bytes] | None = None
        (root / "recorded.csv").write_text("at,temp\n1000,4\nbad\n1001,6\n")
        self.config = {
            "sensors": {
                "poll_interval_seconds": 0.1,
                "devices": [
                    {"name": "freezer", "ingest_type": "mqtt", "port": self.broker.port, "topic": "cold/+/state",
                     "value_path": "temp", "unit": "C"},
                    {"name": "door", "ingest_type": "http", "port": self.webhook_port, "token": "${DOOR_TOKEN}"},
                    {"name": "recorded", "ingest_type": "file", "path": str(root / "recorded.csv"),
                     "value_column": "temp", "timestamp_column": "at", "timestamps": "recorded"},
                    {"name": "badge", "ingest_type": "plugin", "plugin": "nobody-has-it"},
                ],
            },
            "windows": {"named": [{"name": "pair", "sensor_pattern": "recorded", "size": 2, "aggregates": ["mean"]}]},
            "rules": [{"name": "warm", "sensor_pattern": "freezer", "when": 'value > -15 and latest("door") == "open"',
                       "severity": "critical", "message": "{sensor} at {value} {unit}"}],
            "cloud": {"enabled": True, "endpoint": "http://127.0.0.1:1/v1/ingest"},
        }  # fmt: skip

    def start(self) -> None:
        self.state.mkdir(exist_ok=True)
        (self.state / "config.json").write_text(json.dumps(self.config))
        argv = [
            str(BIN / "pyv-edge-agent"), "run", "--config", str(self.state / "config.json"),
            "--health-port", str(self.health_port), "--die-with-parent",
        ]  # fmt: skip
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(argv, stdout=log, stderr=log, env={"DOOR_TOKEN": TOKEN})

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            assert self._process.wait(10) == 0, self.log.read_text()
        self._process = None

    def health(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.health_port}/health", timeout=5) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def ingest(self) -> dict[str, Any]:
        found: dict[str, Any] = self.health()["ingest"]
        return found

    def post(self, body: bytes, token: str = TOKEN) -> int:
        url = f"http://127.0.0.1:{self.webhook_port}/readings/door"
        return requests.post(url, data=body, headers={"Authorization": f"Bearer {token}"}, timeout=10).status_code

    def queued(self) -> list[dict[str, Any]]:
        queue = CloudSyncQueue(self.state / "sync_queue.db")
        try:
            return [item.payload for item in queue.peek(1000)]
        finally:
            queue.close()


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    made = Device(tmp_path)
    made.broker.start(until)
    made.start()
    yield made
    made.stop()
    made.broker.stop()


def test_readings_of_every_kind_and_an_event_of_two_sensors_reach_the_queue(device: Device) -> None:
    until(lambda: len(device.ingest()["adapters_connected"]) == 3, within=20, what="three sensors are connected")
    assert device.post(b'{"value": "open"}', "wrong") == 401
    assert device.post(b'{"value": "open"}') == 202
    until(lambda: device.health()["agent"]["readings_processed"] >= 3, within=10, what="door and recording are read")
    device.broker.say("cold/1/state", b'{"temp": -10.5}')
    until(lambda: device.health()["agent"]["events_triggered"] == 1, within=10, what="the rule fires")
    device.broker.say("cold/1/state", b"{nonsense")
    until(lambda: device.ingest()["readings_refused"] == 2, within=10, what="nonsense and the bad line are counted")
    health = device.health()
    assert health["status"] == "degraded"
    assert "nobody-has-it" in health["ingest"]["failures"]["badge"]
    device.stop()
    event, *rest = device.queued()
    assert (event["kind"], event["rule"], event["state"], event["message"]) == (
        "event", "warm", "fired", "freezer at -10.5 C"
    )  # fmt: skip
    told = {(one.get("kind", "reading"), one["sensor_name"], one["value"], one["timestamp"] < 2000) for one in rest}
    assert told == {
        ("reading", "door", "open", False), ("reading", "freezer", -10.5, False),
        ("reading", "recorded", 4, True), ("reading", "recorded", 6, True),
        ("derived", "recorded.pair.mean", 5.0, True),
    }  # fmt: skip
    log = device.log.read_text()
    assert "rule warm fired on sensor freezer" in log
    assert "-10.5" not in log
    assert TOKEN not in log


def test_a_sensor_comes_back_with_its_broker(device: Device) -> None:
    until(lambda: "freezer" in device.ingest()["adapters_connected"], within=20, what="it is connected")
    device.broker.stop()
    until(lambda: "freezer" in device.ingest()["failures"], within=10, what="the loss is told")
    assert "freezer" not in device.ingest()["adapters_connected"]
    device.broker.start(until)
    until(lambda: "freezer" in device.ingest()["adapters_connected"], within=40, what="it is back")
    before = device.health()["agent"]["readings_processed"]
    device.broker.say("cold/2/state", b'{"temp": -20}')
    until(lambda: device.health()["agent"]["readings_processed"] > before, within=10, what="it is heard again")

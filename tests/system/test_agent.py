"""One real agent process against a real mosquitto: what it does with signals, its files, its port and its will."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance.agent_subject import AgentSubject, agent
from conformance.fleet import Fleet
from conformance.watched import Watched
from pyvorin_edge import orders, topics, wire
from pyvorin_edge.envelope import TYPE_ASSIGNMENT
from pyvorin_edge.vocabulary import Outcome
from running.demo import BIN, until
from running.ports import free_ports

pytestmark = pytest.mark.timeout(120)


class Running:
    """An enrolled agent started by its own command."""

    def __init__(self, subject: AgentSubject, fleet: Fleet, root: Path) -> None:
        self.subject = subject
        self.fleet = fleet
        self.watched = Watched(subject, fleet)
        self.state = subject.state
        self.log = root / "agent.log"
        self.port = free_ports(1)[0]
        self.watched.enrol()
        fleet.assign()

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        argv = [str(BIN / "pyv-edge-agent"), "run", "--state-dir", str(self.state), "--health-port", str(self.port)]
        with self.log.open("ab") as log:
            process = subprocess.Popen([*argv, "--clock", "synced", *words], stdout=log, stderr=log)
        self.subject.adopt(process)
        return process

    def health(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def up(self) -> dict[str, Any]:
        return until(lambda: (h := self.health())["fleet"]["connected"] and h, within=15, what="it is connected")

    def presence(self) -> dict[str, Any]:
        topic = topics.presence(self.subject.device_id)
        said = [data for name, data in list(self.subject.carrier.said) if name == topic]
        found: dict[str, Any] = json.loads(said[-1]) if said else {"state": None}
        return found

    def cli(self, *words: str, code: int | None = 0) -> str:
        done = subprocess.run(
            [str(BIN / "pyv-edge-agent"), *words, "--state-dir", str(self.state)],
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert code in (None, done.returncode), (
            f"{done.returncode}\n{done.stdout}\n{done.stderr}\n{self.log.read_text()}"
        )
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    made = agent()
    subject, carrier = next(made)
    assert isinstance(subject, AgentSubject)
    yield Running(subject, Fleet(carrier, subject.device_id, subject.address), tmp_path)
    for _ in made:
        pass


def test_sigterm_ends_it_within_five_seconds_with_a_goodbye_and_exit_0(running: Running) -> None:
    process = running.start()
    running.up()
    until(lambda: running.presence()["state"] == "online", within=15, what="its birth")
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=5) == 0
    until(lambda: running.presence()["state"] == "offline", within=2, what="its goodbye")
    assert not (running.state / "agent.sock").exists()


def test_a_killed_one_is_offline_within_a_second_by_its_last_will(running: Running) -> None:
    process = running.start()
    until(lambda: running.presence()["state"] == "online", within=15, what="its birth")
    process.kill()
    until(lambda: running.presence()["state"] == "offline", within=1, what="its last will")


def test_it_ends_in_time_too_when_the_broker_is_gone(running: Running) -> None:
    process = running.start()
    running.up()
    running.subject.disconnect()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=5) == 0


def test_an_edited_file_is_seen_within_a_second_loaded_on_sighup_and_stays_drift(running: Running) -> None:
    process = running.start()
    running.up()
    (running.state / "config.toml").write_bytes(running.watched.config(5))
    until(lambda: "/windows/default_size" in running.cli("drift", code=None), within=2, what="the edit is drift")
    loaded = running.watched.config(0, sensors={"devices": [{"name": "by-hand"}]})
    (running.state / "config.toml").write_bytes(loaded)
    assert running.health()["ingest"]["devices_configured"] == 0
    process.send_signal(signal.SIGHUP)
    until(lambda: running.health()["ingest"]["adapters_connected"] == ["by-hand"], within=5, what="it is loaded")
    until(lambda: "edited" in running.cli("drift", code=None), within=5, what="what was loaded is drift all the same")
    running.cli("drift", code=3)
    assert (running.state / "config.toml").read_bytes() == loaded


def test_a_broken_edit_gives_way_to_the_last_good_config_on_sighup(running: Running) -> None:
    good = (running.state / "config.toml").read_bytes()
    process = running.start()
    running.up()
    (running.state / "config.toml").write_bytes(b"[broken")
    process.send_signal(signal.SIGHUP)
    until(lambda: (running.state / "config.toml").read_bytes() == good, within=5, what="the good one is back")
    until(lambda: running.cli("drift"), within=5, what="no drift is left")


def test_a_second_agent_on_the_same_state_is_refused(running: Running) -> None:
    running.start()
    running.up()
    assert "another agent runs" in running.cli("run", code=4)
    assert running.health()["status"] == "healthy"


def test_the_queue_survives_a_reload_and_a_kill(running: Running) -> None:
    cloud = {"enabled": True, "endpoint": "http://127.0.0.1:1/v1/ingest"}
    sensors = {"poll_interval_seconds": 0.05, "devices": [{"name": "t1"}]}
    (running.state / "config.toml").write_bytes(running.watched.config(0, cloud=cloud, sensors=sensors))
    process = running.start()
    running.up()
    until(lambda: running.health()["cloud"]["queue_depth"] > 10, within=10, what="readings wait")
    depth = running.health()["cloud"]["queue_depth"]
    process.send_signal(signal.SIGHUP)
    assert running.health()["cloud"]["queue_depth"] >= depth
    time.sleep(1.0)  # what was read until now is on disk within a second: the queue's promise
    process.kill()
    process.wait()
    running.start()
    assert running.up()["cloud"]["queue_depth"] >= depth


def test_a_broken_queue_file_is_set_aside_and_the_device_comes_up(running: Running) -> None:
    (running.state / "sync_queue.db").write_bytes(b"no database" * 1000)
    running.start()
    health = running.up()
    assert (health["status"], health["cloud"]["files_set_aside"]) == ("healthy", 1)
    assert (running.state / "sync_queue.db.corrupt-1").exists()


def test_a_rollback_by_hand_goes_back_and_an_unknown_version_is_refused(running: Running) -> None:
    running.start()
    for number in (1, 2):
        release = running.watched.publish(f"1.{number}", number)
        running.fleet.direct(release)
        running.watched.end(release, Outcome.COMMITTED)
    running.cli("rollback", "1.1")
    until(lambda: running.watched.runs(1), within=10, what="the earlier config is live")
    assert "'7.7' is not held here" in running.cli("rollback", "7.7", code=5)
    status = json.loads(running.cli("status", "--json"))
    assert status["device_id"] == running.subject.device_id


def test_a_parcel_by_http_is_taken_only_where_that_was_switched_on(running: Running) -> None:
    running.subject.answer_at(running.subject.address, False)  # a device that has no broker
    process = running.start()
    until(lambda: running.health()["status"] == "healthy", within=15, what="it is up")
    assert _post(running, _parcel(running))[0] == 403
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=5)
    running.start("--allow-config-reload")
    until(lambda: running.health()["status"] == "healthy", within=15, what="it is up")
    first = _parcel(running)
    second = _parcel(running)
    assert _post(running, second) == (200, "accepted")
    until(lambda: running.watched.runs(3), within=15, what="the parcel's config is live")
    assert _post(running, second)[0] == 200
    assert _post(running, first)[0] == 409
    assert _post(running, b"{}")[0] == 422


def test_with_a_taken_port_it_works_on_and_says_that_it_is_unhealthy(running: Running) -> None:
    with socket.create_server(("127.0.0.1", running.port)):
        running.start()
        until(lambda: "cannot listen" in running.log.read_text(), within=15, what="the reason is logged")
        running.watched.until(lambda: running.watched.report.health["status"] == "unhealthy", "the fleet is told")


def test_it_ends_with_its_parent_when_told_to(running: Running) -> None:
    argv = [str(BIN / "pyv-edge-agent"), "run", "--state-dir", str(running.state), "--health-port", str(running.port)]
    parent = subprocess.Popen(
        [sys.executable, "-c", "import subprocess,sys,time; subprocess.Popen(sys.argv[1:]); time.sleep(60)", *argv,
         "--die-with-parent"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    running.up()
    parent.kill()
    parent.wait()
    until(lambda: not _answers(running), within=5, what="it has ended")


def test_a_device_of_no_fleet_works_alone(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[sensors]\npoll_interval_seconds = 0.1\n[[sensors.devices]]\nname = 't1'\n")
    (tmp_path / "device_id").write_text(f"FLEET-{uuid.uuid4().hex[:12]}\n")
    config.write_text(config.read_text() + f"[health]\nport = {(port := free_ports(1)[0])}\n")
    process = subprocess.Popen([sys.executable, "-m", "pyv_edge_agent", "--config", str(config)], env=dict(os.environ))
    try:

        def health() -> dict[str, Any]:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
                found: dict[str, Any] = json.load(answer)
            return found

        assert until(health, within=15, what="it answers")["ingest"]["adapters_connected"] == ["t1"]
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=5) == 0
    finally:
        process.kill()


def _parcel(running: Running) -> bytes:
    """All orders of a first release, and the release, in one file."""
    fleet, config = running.fleet, running.watched.config(3)
    release = fleet.release("1.3", config)
    topic = topics.release(release)
    sealed = until(lambda: dict(running.subject.carrier.said).get(topic), within=5, what="the signed release")
    parcel = orders.Parcel(
        v=1,
        trust=tuple(document.decode() for document in fleet.documents),
        assignment=fleet.seal(fleet.assignment(), TYPE_ASSIGNMENT).decode(),
        directive=fleet.direct(release).decode(),
        releases=(sealed.decode(),),
        blobs=(base64.b64encode(config).decode(),),
    )
    return wire.encode(parcel)


def _post(running: Running, parcel: bytes) -> tuple[int, str]:
    """As the article's `push_config` does: a form with the field `config`, and no token."""
    import requests

    answer = requests.post(f"http://127.0.0.1:{running.port}/config/reload", files={"config": parcel}, timeout=30)
    return answer.status_code, answer.json()["detail"]


def _answers(running: Running) -> bool:
    try:
        running.health()
    except (urllib.error.URLError, OSError):
        return False
    return True

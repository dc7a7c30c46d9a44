"""Each command of `pyv-edge-agent` against one real agent: running, hanging and dead."""

from __future__ import annotations

import json
import signal
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.agent_subject import AgentSubject, agent
from conformance.fleet import Fleet
from pyvorin_edge.vocabulary import Outcome
from running.demo import until
from system.test_agent import Running

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    made = agent()
    subject, carrier = next(made)
    assert isinstance(subject, AgentSubject)
    yield Running(subject, Fleet(carrier, subject.device_id, subject.address), tmp_path)
    for _ in made:
        pass


def two_releases(running: Running) -> None:
    for number in (1, 2):
        release = running.watched.publish(f"1.{number}", number)
        running.fleet.direct(release)
        running.watched.end(release, Outcome.COMMITTED)


def test_a_working_device_is_told_from_its_console(running: Running) -> None:
    running.start()
    running.up()
    two_releases(running)
    status = running.cli("status")
    assert "release 1.2" in status
    assert "in session with its fleet" in status
    assert json.loads(running.cli("health", "--json"))["status"] == "healthy"
    assert "it passed its gate" in running.cli("update", "status")
    running.cli("update", "wait", "--timeout", "20")
    running.cli("rollback", "--to", "previous", "--wait", "20")
    assert running.watched.runs(1)
    kinds = [json.loads(line)["kind"] for line in running.cli("history", "--json").splitlines()]
    for kind in ("enrolled", "started", "online", "directive", "ordered", "switching", "result", "by_hand"):
        assert kind in kinds
    running.cli("update", "retry", "deadbeef", code=5)


def test_a_dead_device_tells_why_and_obeys_what_was_decided_meanwhile(running: Running) -> None:
    process = running.start()
    running.up()
    two_releases(running)
    process.kill()
    process.wait()
    (running.state / "config.toml").write_bytes(running.watched.config(9))
    said = running.cli("status", code=1)
    assert "DOES NOT ANSWER" in said
    assert "release 1.2" in said
    assert "/windows/default_size: applied 102, live 109" in running.cli("drift", code=3)
    assert "obeyed by the next start" in running.cli("rollback", "1.1")
    running.start()
    running.up()
    until(lambda: running.watched.runs(1), within=15, what="the choice by hand is obeyed")


def test_a_hanging_agent_is_told_of_in_time_by_diag_too(running: Running) -> None:
    process = running.start()
    running.up()
    process.send_signal(signal.SIGSTOP)
    out = running.state.parent / "support.tar.gz"
    try:
        said = running.cli("diag", "--out", str(out))
    finally:
        process.send_signal(signal.SIGCONT)
    assert "does not answer within 5 s" in said
    with tarfile.open(out) as tar:
        names = {member.name.partition("/")[2] for member in tar.getmembers()}
    assert {"summary.json", "status.json", "history.jsonl", "memory.json", "certificate.json"} <= names


def test_a_support_archive_holds_no_secret_of_the_device(running: Running) -> None:
    (running.state / "env").write_text("CLOUD_KEY=s3cr3t-of-this-device\n")
    cloud = {"enabled": True, "endpoint": "http://127.0.0.1:1/v1", "api_key": "${CLOUD_KEY}"}
    (running.state / "config.toml").write_bytes(running.watched.config(0, cloud=cloud))
    running.start()
    running.up()
    out = running.state.parent / "support.tar.gz"
    running.cli("diag", "--out", str(out))
    key = (running.state / "device.key").read_text().splitlines()[1]
    with tarfile.open(out) as tar:
        parts = {member.name: tar.extractfile(member).read() for member in tar.getmembers()}  # type: ignore[union-attr]
    assert any(name.endswith("/log.txt") for name in parts)
    for name, data in parts.items():
        assert b"s3cr3t-of-this-device" not in data, name
        assert key.encode() not in data, name

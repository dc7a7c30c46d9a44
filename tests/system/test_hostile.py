"""A real agent among strangers: floods at its topics, clients that never speak, no descriptors left. It lives."""

from __future__ import annotations

import os
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.agent_subject import AgentSubject, agent
from conformance.fleet import Fleet
from pyvorin_edge import topics
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


def test_a_flood_of_garbage_neither_stops_it_nor_wears_its_card_out(running: Running) -> None:
    process = running.start()
    running.up()
    name = topics.assignment(running.subject.device_id)
    client = running.subject.carrier._client  # type: ignore[attr-defined]
    for number in range(10_000):
        client.publish(name, os.urandom(number % 200) + b"x" * (8192 if number % 100 == 0 else 1), qos=0)
    until(lambda: running.health()["fleet"]["connected"], within=30, what="it is connected")
    assert process.poll() is None
    assert "Traceback" not in running.log.read_text()
    assert running.log.read_text().count("refused assignment") <= 64


def test_silent_clients_do_not_keep_others_from_its_health(running: Running) -> None:
    running.start()
    running.up()
    silent = [socket.create_connection(("127.0.0.1", running.port), timeout=10) for _ in range(200)]
    assert running.health()["fleet"]["connected"]
    for one in silent:
        one.close()


def test_without_descriptors_it_waits_and_is_whole_again(running: Running) -> None:
    process = running.start()
    running.up()
    open_now = len(os.listdir(f"/proc/{process.pid}/fd"))
    soft, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (open_now, hard))
    for _ in range(3):
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", running.port), timeout=0.5).recv(1)
    assert process.poll() is None
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (soft, hard))
    until(lambda: running.health()["fleet"]["connected"], within=30, what="it answers again")
    assert "running" in running.cli("status")

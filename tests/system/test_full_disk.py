"""A disk without room, or that takes no writes: the agent starts, does its daily work, says why, and comes round."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyv_edge_agent.control import ask
from pyvorin_edge.vocabulary import HealthStatus
from running.demo import until
from running.supervised import Supervised

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a small file system is mounted, which only root may")
SENSORS = {"poll_interval_seconds": 0.1, "devices": [{"name": "one", "ingest_type": "simulator"}]}


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Supervised]:
    """Started once and ended, on a file system of 6 MB."""
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(place)], check=True)
    made = Supervised(place)
    try:
        made.configure(sensors=SENSORS)
        first = made.start()
        made.up()
        first.send_signal(signal.SIGTERM)
        assert first.wait(timeout=10) == 0
        made.forget()
        yield made
    finally:
        made.close()
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(agent: Supervised) -> Path:
    """Take all the room there is, the ballast's too."""
    (agent.state / "ballast").unlink()
    junk = agent.state.parent / "junk"
    with junk.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)) == 4096:
                pass
        except OSError:
            return junk
    return junk


def boots(agent: Supervised) -> int:
    found: int = ask(agent.state / "agent.sock", "status")["boot"]
    return found


def works_and_says_why(agent: Supervised, why: str) -> bool:
    document = agent.health()
    reads = document["ingest"]["adapters_connected"] == ["one"] and document["agent"]["readings_processed"] > 5
    told = any(why in reason for reason in document.get("reasons", ()))
    return reads and told and document["status"] == HealthStatus.DEGRADED


def test_on_a_full_disk_it_works_says_why_and_counts_its_start_when_there_is_room(agent: Supervised) -> None:
    junk = fill(agent)
    process = agent.start("--watchdog-seconds", "20")
    until(lambda: works_and_says_why(agent, "No space left"), within=40, what="it works on a full disk")
    junk.unlink()
    until(lambda: agent.health()["status"] == HealthStatus.HEALTHY, within=40, what="it comes round")
    assert boots(agent) == 2
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0


def test_on_a_read_only_disk_it_works_and_says_why(agent: Supervised) -> None:
    place = str(agent.state.parent)
    with (agent.state.parent.parent / "agent.log").open("ab"):
        agent.log = agent.state.parent.parent / "agent.log"  # its supervisor's log lies elsewhere
    subprocess.run(["mount", "-o", "remount,ro", place], check=True)
    process = agent.start()
    until(lambda: works_and_says_why(agent, "Read-only"), within=40, what="it works on a read-only disk")
    subprocess.run(["mount", "-o", "remount,rw", place], check=True)
    until(lambda: agent.health()["status"] == HealthStatus.HEALTHY, within=40, what="it comes round")
    assert process.poll() is None

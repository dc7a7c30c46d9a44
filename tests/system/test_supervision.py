"""A real agent process and its supervisor: what it is told, whom it must kill, and that an end comes in time."""

from __future__ import annotations

import http.server
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from pyv_edge_agent.exits import Exit
from running.demo import until
from running.supervised import Supervised, supervised

pytestmark = pytest.mark.timeout(120)

SENSOR = {"name": "t1"}


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Supervised]:
    with supervised(tmp_path) as made:
        made.configure(sensors={"poll_interval_seconds": 0.05, "devices": [SENSOR]})
        yield made


def ends(process: subprocess.Popen[bytes], *, after: signal.Signals = signal.SIGTERM) -> int:
    """The exit code; the promise is five seconds."""
    process.send_signal(after)
    return process.wait(timeout=5)


def test_it_tells_that_it_is_up_reloads_lives_and_ends(agent: Supervised) -> None:
    process = agent.start(watchdog_seconds=0.2)
    agent.up()
    assert agent.health()["ingest"]["adapters_connected"] == ["t1"]  # ready means: it works
    assert any("FLEET-0a1b2c3d4e5f" in told for told in agent.told)
    until(lambda: agent.heard("WATCHDOG=1"), within=10, what="it lives")
    agent.forget()
    process.send_signal(signal.SIGHUP)
    until(lambda: agent.heard("RELOADING=1"), within=10, what="it reloads")
    until(lambda: agent.heard("READY=1"), within=10, what="it is up again")
    assert ends(process) == 0
    assert agent.heard("STOPPING=1")


def test_what_cannot_start_is_never_ready_and_exits_1(agent: Supervised) -> None:
    (agent.state / "config.toml").write_text("[broken")
    assert agent.start().wait(timeout=30) == 1
    assert not agent.heard("READY=1")


def test_a_hung_worker_is_calmed_no_more_and_named(agent: Supervised) -> None:
    process = agent.start("--watchdog-seconds", "0.6", watchdog_seconds=0.4)
    agent.up()
    _hang_the_worker(agent, process)
    until(lambda: agent.heard("STATUS=stuck: updater"), within=20, what="the supervisor is told what is stuck")
    agent.forget()
    until(lambda: "performer" in agent.log.read_text(), within=10, what="the log shows where each thread stands")
    assert not agent.heard("WATCHDOG=1")
    assert process.poll() is None  # the supervisor's own watchdog ends it


def test_without_a_watching_supervisor_a_hung_worker_ends_the_process_with_its_own_code(agent: Supervised) -> None:
    process = agent.start("--watchdog-seconds", "0.6")
    agent.up()
    _hang_the_worker(agent, process)
    assert process.wait(timeout=20) == Exit.STUCK


def test_a_sensor_that_hangs_is_told_and_stops_nothing_else(agent: Supervised, tmp_path: Path) -> None:
    """Each plugin has a thread of its own, so it is no reason to end the process."""
    process = _with_a_silent_plugin(agent, tmp_path, "--watchdog-seconds", "0.6")
    until(lambda: agent.health()["agent"]["readings_processed"] > 10, within=30, what="the other sensor is read")
    assert process.poll() is None
    assert agent.health()["ingest"]["adapters_connected"] == ["other"]
    assert ends(process) == 0


def test_an_end_is_in_time_while_a_reload_hangs(agent: Supervised) -> None:
    process = agent.start()
    agent.up()
    _hang_the_worker(agent, process)
    assert ends(process) == 0


def test_an_end_is_in_time_while_a_client_holds_health_and_a_second_signal_changes_nothing(agent: Supervised) -> None:
    process = agent.start()
    agent.up()
    with socket.create_connection(("127.0.0.1", agent.port)) as holding:
        holding.sendall(b"GET /health HTTP/1.1\r\n")
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        assert ends(process, after=signal.SIGINT) == 0


def test_an_end_during_the_start_is_in_time(agent: Supervised) -> None:
    process = agent.start()
    until(lambda: (agent.state / "lock").exists(), within=20, what="it has begun to start")
    assert ends(process) == 0


def test_what_was_read_is_all_there_after_ends_under_load_with_an_upload_that_hangs(agent: Supervised) -> None:
    lines = 3000
    replay = agent.state / "replay.jsonl"
    replay.write_text("".join(json.dumps({"value": number}) + "\n" for number in range(lines)))
    with _receiver() as (port, received, hang):
        agent.configure(
            sensors={
                "poll_interval_seconds": 0.001,
                "devices": [{"name": "r", "ingest_type": "file", "path": str(replay)}],
            },
            cloud={"enabled": True, "endpoint": f"http://127.0.0.1:{port}/", "batch_size": 50},
        )
        process = agent.start()
        agent.up()
        until(lambda: len(received) > 100, within=30, what="batches are taken")
        hang.set()
        depth = agent.health()["cloud"]["queue_depth"]
        until(lambda: agent.health()["cloud"]["queue_depth"] > depth + 100, within=30, what="readings wait")
        taken = agent.health()["agent"]["readings_processed"]
        assert ends(process) == 0
        hang.clear()
        there = {*received, *_queued(agent.state / "sync_queue.db")}
    assert len(there) >= taken
    assert there == set(range(len(there)))  # no hole: nothing that was read is missing


def _hang_the_worker(agent: Supervised, process: subprocess.Popen[bytes]) -> None:
    """A live file that never answers: a reload reads it, and the worker hangs in the kernel."""
    live = agent.state / "config.toml"
    live.unlink()
    os.mkfifo(live)
    process.send_signal(signal.SIGHUP)
    until(lambda: agent.heard("RELOADING=1"), within=10, what="the reload has begun")


def _with_a_silent_plugin(agent: Supervised, root: Path, *words: str) -> subprocess.Popen[bytes]:
    """An agent with a sensor whose plugin never comes back, and another one."""
    package = root / "plugins"
    (package / "silent-1.dist-info").mkdir(parents=True)
    (package / "silent-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: silent\nVersion: 1\n")
    (package / "silent-1.dist-info" / "entry_points.txt").write_text("[pyvorin_edge.sensors]\nsilent = silent:make\n")
    (package / "silent.py").write_text("import threading\n\n\ndef make(settings):\n    threading.Event().wait()\n")
    agent.configure(
        sensors={
            "poll_interval_seconds": 0.05,
            "devices": [
                {"name": "silent", "ingest_type": "plugin", "plugin": "silent"},
                {"name": "other", "ingest_type": "simulator"},
            ],
        }
    )
    environment = {**os.environ, "PYTHONPATH": str(package)}
    process = agent.launch([sys.executable, "-m", "pyv_edge_agent"], environment, *words)
    until(lambda: agent.health()["status"] != "starting", within=30, what="it is up")
    return process


@contextmanager
def _receiver() -> Iterator[tuple[int, list[int], threading.Event]]:
    """Takes batches and keeps their values; while `hang` is set, it answers nothing."""
    received: list[int] = []
    hang = threading.Event()
    over = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if hang.is_set():
                over.wait(60)
                return
            received.extend(int(item["value"]) for item in body["items"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield server.server_address[1], received, hang
    finally:
        over.set()
        server.shutdown()
        server.server_close()


def _queued(path: Path) -> set[int]:
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute("SELECT payload FROM sync_queue").fetchall()
    return {int(json.loads(payload)["value"]) for (payload,) in rows}

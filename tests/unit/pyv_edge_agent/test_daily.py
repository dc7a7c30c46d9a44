"""Daily work: only what a section affects is restarted, the queue stays, and what was read is not lost."""

from __future__ import annotations

import copy
import io
import json
import socket
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pyv_edge_agent.clock import Clock
from pyv_edge_agent.cloud_sync.queue import CloudSyncQueue
from pyv_edge_agent.daily import DailyWork, Place
from pyv_edge_agent.logs import AgentLog
from pyv_edge_agent.performer import ApplyError
from pyv_edge_agent.state_dir import StateDir
from pyvorin_edge.config.document import with_defaults

SENSOR = {"name": "t1", "noise": 0.0, "base": 5.0}


def config(**sections: Any) -> dict[str, Any]:
    return with_defaults({"sensors": {"poll_interval_seconds": 0.02, "devices": [SENSOR]}, **sections})


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.005)


@pytest.fixture
def daily(tmp_path: Path) -> Iterator[DailyWork]:
    place = Place(
        state=StateDir(tmp_path), device_id="FLEET-1", device_key=b"key", health_host="127.0.0.1", health_port=0,
        allow_remote=False, fleet_origins=frozenset(), reload=None, fleet=lambda: {"device_id": "FLEET-1"},
    )  # fmt: skip
    made = DailyWork(place, CloudSyncQueue(place.state.queue), Clock(), AgentLog(io.StringIO()))
    yield made
    made.stop()


def port_of(daily: DailyWork) -> int:
    server = daily._server
    assert server is not None
    return server.port


def test_health_is_served_with_the_fleet_and_the_gate_sees_it_without(daily: DailyWork) -> None:
    daily.apply(config())
    with urllib.request.urlopen(f"http://127.0.0.1:{port_of(daily)}/health", timeout=5) as answer:
        document = json.load(answer)
    assert document["status"] == "healthy"
    assert document["fleet"] == {"device_id": "FLEET-1"}
    assert (document["ingest"]["adapters_connected"], document["ingest"]["devices_configured"]) == (["t1"], 1)
    assert "fleet" not in daily.health()


def test_a_part_is_restarted_only_when_its_section_changed(daily: DailyWork) -> None:
    daily.apply(config())
    poller, server, queue = daily._measuring._poller, daily._server, daily.queue
    daily.apply(config(privacy={"rules": [{"sensor_pattern": "*", "action": "mask"}]}))
    assert (daily._measuring._poller, daily._server, daily.queue) == (poller, server, queue)
    changed = config()
    changed["sensors"]["poll_interval_seconds"] = 0.03
    daily.apply(changed)
    assert daily._measuring._poller is not poller
    assert (daily._server, daily.queue) == (server, queue)


def test_readings_are_counted_over_a_restart_of_the_sensors(daily: DailyWork) -> None:
    daily.apply(config())
    until(lambda: daily.health()["agent"]["readings_processed"] > 2, "readings")
    before = daily.health()["agent"]["readings_processed"]
    daily.apply(with_defaults({}))
    assert daily.health()["agent"]["readings_processed"] >= before


def test_without_an_endpoint_nothing_piles_up(daily: DailyWork) -> None:
    daily.apply(config())
    until(lambda: daily.health()["agent"]["readings_processed"] > 2, "readings")
    assert daily.queue.pending_count() == 0


def test_readings_pass_the_privacy_firewall_into_the_queue_and_outlive_the_agent(
    daily: DailyWork, tmp_path: Path
) -> None:
    cloud = {"enabled": True, "endpoint": "http://127.0.0.1:1/v1/ingest"}
    daily.apply(config(cloud=cloud, privacy={"rules": [{"sensor_pattern": "t*", "action": "mask"}]}))
    until(lambda: daily.queue.pending_count() > 2, "readings in the queue")
    daily.stop()
    again = CloudSyncQueue(tmp_path / "sync_queue.db")
    payload = again.peek()[0].payload
    again.close()
    assert (payload["sensor_name"], payload["value"], payload["device_id"]) == ("t1", "***", "FLEET-1")


def test_a_part_that_cannot_start_is_named_makes_the_agent_unhealthy_and_the_others_run(daily: DailyWork) -> None:
    replay = {"name": "gone", "ingest_type": "file", "path": "/nonexistent/readings.jsonl"}
    odd = with_defaults({"sensors": {"devices": [replay]}})
    odd["sensors"]["devices"][0]["ingest_type"] = "smoke-signals"
    with pytest.raises(ApplyError, match=r"sensors: .*smoke-signals"):
        daily.apply(odd)
    assert daily.health()["status"] == "unhealthy"
    assert daily._server is not None
    daily.apply(config())
    assert daily.health()["status"] == "healthy"


def test_a_port_that_is_taken_is_named_and_freed_ports_are_taken_again(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        place = Place(
            state=StateDir(tmp_path), device_id="FLEET-1", device_key=b"key", health_host="127.0.0.1",
            health_port=None, allow_remote=False, fleet_origins=frozenset(), reload=None, fleet=dict,
        )  # fmt: skip
        daily = DailyWork(place, CloudSyncQueue(place.state.queue), Clock(), AgentLog(io.StringIO()))
        effective = config(health={"port": port})
        with pytest.raises(ApplyError, match=f"health: cannot listen on 127.0.0.1 port {port}"):
            daily.apply(copy.deepcopy(effective))
    daily.apply(effective)
    assert port_of(daily) == port
    daily.stop()


def test_a_sensor_that_fails_makes_the_agent_unhealthy(daily: DailyWork) -> None:
    daily.apply(with_defaults({"sensors": {"devices": [{"name": "t1", "fail_after_seconds": 0.05}]}}))
    until(lambda: daily.health()["status"] == "unhealthy", "the sensor failed")


def test_what_cannot_be_made_durable_shows_in_health(tmp_path: Path) -> None:
    trouble = ["state: cannot write: No space left on device"]
    place = Place(
        state=StateDir(tmp_path), device_id="FLEET-1", device_key=b"key", health_host="127.0.0.1", health_port=0,
        allow_remote=False, fleet_origins=frozenset(), reload=None, fleet=dict,
        trouble=lambda: trouble[0] if trouble else None,
    )  # fmt: skip
    daily = DailyWork(place, CloudSyncQueue(place.state.queue), Clock(), AgentLog(io.StringIO()))
    assert daily.health()["status"] == "unhealthy"  # nothing runs, and not because it only just started
    daily.apply(config())
    assert (daily.health()["status"], daily.health()["reasons"]) == ("degraded", trouble)
    trouble.clear()
    assert daily.health()["status"] == "healthy"
    assert "reasons" not in daily.health()
    daily.stop()


def test_stopping_twice_is_no_error_and_says_stopping(daily: DailyWork) -> None:
    daily.apply(config())
    daily.stop()
    assert daily.health()["status"] == "stopping"


@pytest.mark.parametrize("rule", ["*secret*", "SECRET", "s?cret*"])
def test_what_is_dropped_reaches_neither_the_queue_s_bytes_nor_log_nor_health(tmp_path: Path, rule: str) -> None:
    said = "4111-1111-CARD"
    lines = [{"sensor_name": "t1", "value": 1, "metadata": {"who": [{"Secret": said, "n": 1}], "secret": {"x": said}}}]
    (tmp_path / "r.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    log = io.StringIO()
    place = Place(
        state=StateDir(tmp_path), device_id="FLEET-1", device_key=b"key", health_host="127.0.0.1", health_port=0,
        allow_remote=False, fleet_origins=frozenset(), reload=None, fleet=dict,
    )  # fmt: skip
    daily = DailyWork(place, CloudSyncQueue(place.state.queue), Clock(), AgentLog(log))
    sensor = {"name": "t1", "ingest_type": "file", "path": str(tmp_path / "r.jsonl"), "repeat": True}
    daily.apply(with_defaults({
        "sensors": {"poll_interval_seconds": 0.02, "devices": [sensor]}, "logging": {"level": "DEBUG"},
        "cloud": {"enabled": True, "endpoint": "http://127.0.0.1:1/", "batch_size": 1},
        "privacy": {"rules": [{"sensor_pattern": rule, "action": "drop"}]},
    }))  # fmt: skip
    until(lambda: bool(daily.queue.peek()) and bool(daily.health()["cloud"].get("last_error")), "a try to upload")
    queued = daily.queue._database.read(lambda db: [row[0] for row in db.execute("SELECT payload FROM sync_queue")])
    health = json.dumps(daily.document())
    files = b"".join(one.read_bytes() for one in tmp_path.glob("sync_queue.db*"))
    daily.stop()
    files += b"".join(one.read_bytes() for one in tmp_path.glob("sync_queue.db*"))
    assert '"n":1' in queued[0]
    assert said not in "".join(queued) + health + log.getvalue()
    assert said.encode() not in files
    assert "Secret" in health or rule == "SECRET"


def test_an_end_with_an_upload_under_way_loses_nothing(daily: DailyWork, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        daily.apply(config(cloud={"enabled": True, "endpoint": url, "batch_size": 1}))
        connection, _ = silent.accept()
        daily.stop()
        connection.close()
    again = CloudSyncQueue(tmp_path / "sync_queue.db")
    assert again.pending_count() > 0
    assert again._batches.is_due(again._clock.now()) or again.get_stats()["total_retries"] > 0
    again.close()

"""The article's FleetManager against real answers, good and bad: its names stand, its traps do not."""

from __future__ import annotations

import dataclasses
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pyv_fleet.core.words import PollFailure
from pyv_fleet.fleet_manager import Device, FleetManager, FleetSnapshot, causes, export_metrics

HEALTH: dict[str, Any] = {
    "status": "healthy",
    "agent": {"running": True},
    "metrics": {"cpu_percent": 20.0, "disk_percent": 40.0},
    "cloud": {"queue_depth": 7},
}
Answering = Callable[[BaseHTTPRequestHandler], None]


def says(document: Any, status: int = 200) -> Answering:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.send_header("Location", "http://127.0.0.1:1/")
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@pytest.fixture
def serve() -> Iterator[Callable[[Answering], Device]]:
    """Starts a device on loopback that answers in this way."""
    servers: list[ThreadingHTTPServer] = []

    def start(answer: Answering) -> Device:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer(self)

            def do_POST(self) -> None:
                answer(self)

            def log_message(self, format: str, *args: Any) -> None:
                """Silence."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        servers.append(server)
        return Device(f"FLEET-{len(servers)}", "127.0.0.1", server.server_address[1])

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def silent_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


Serve = Callable[[Answering], Device]


def test_the_articles_fields_stand_in_their_order() -> None:
    assert [field.name for field in dataclasses.fields(Device)][:6] == [
        "device_id", "ip", "port", "last_seen", "health", "healthy",
    ]  # fmt: skip
    assert [field.name for field in dataclasses.fields(FleetSnapshot)] == [
        "timestamp", "total_devices", "healthy_count", "unhealthy_count", "unreachable_count", "avg_cpu", "avg_disk",
        "max_queue_depth", "devices",
    ]  # fmt: skip


def test_a_snapshot_counts_and_sums_what_devices_answer(serve: Serve) -> None:
    busy = HEALTH | {"metrics": {"cpu_percent": 60.0, "disk_percent": 50.0}, "cloud": {"queue_depth": 9}}
    sick = serve(says(HEALTH | {"status": "unhealthy"}))
    fleet = FleetManager([serve(says(HEALTH)), serve(says(busy)), sick], clock=lambda: 12.5)
    seen = fleet.poll_all()
    assert (seen.total_devices, seen.healthy_count, seen.unhealthy_count, seen.unreachable_count) == (3, 2, 1, 0)
    assert (seen.timestamp, seen.avg_cpu, seen.avg_disk, seen.max_queue_depth) == (
        12.5,
        pytest.approx(100 / 3),
        pytest.approx(130 / 3),
        9,
    )
    assert all(device.last_seen == 12.5 for device in seen.devices)


def test_a_device_that_was_never_reached_was_never_seen() -> None:
    gone = Device("FLEET-gone", "127.0.0.1", silent_port())
    assert gone.last_seen is None
    seen = FleetManager([gone]).poll_all()
    assert (seen.unreachable_count, seen.unhealthy_count, seen.avg_cpu, gone.last_seen) == (1, 0, None, None)
    assert gone.failure is PollFailure.REFUSED
    assert gone.health["status"] == "unreachable"


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (says(HEALTH, status=503), PollFailure.STATUS),
        (says(HEALTH, status=302), PollFailure.STATUS),
        (says(b"not json"), PollFailure.JSON),
        (says(b'{"status": NaN}'), PollFailure.JSON),
        (says([1]), PollFailure.FIELD),
        (says({"status": "healthy"}), PollFailure.FIELD),
        (says({"status": "healthy", "agent": {"running": "yes"}}), PollFailure.FIELD),
        (says(b" " * 70_000), PollFailure.SIZE),
    ],
)
def test_who_answers_badly_is_not_unreachable_and_each_failure_keeps_its_name(
    serve: Serve, answer: Answering, failure: PollFailure
) -> None:
    device = serve(answer)
    seen = FleetManager([device]).poll_all()
    assert (seen.unreachable_count, seen.unhealthy_count) == (0, 1)
    assert device.failure is failure
    assert device.health["failure"] == failure


def test_what_is_no_http_is_named(serve: Serve) -> None:
    def garbage(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"garbage\r\n\r\n")

    device = serve(garbage)
    FleetManager([device]).poll_all()
    assert device.failure is PollFailure.PROTOCOL


def test_the_time_limit_is_for_the_whole_answer_not_for_each_byte(serve: Serve) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            for _ in range(200):
                handler.wfile.write(b" ")
                handler.wfile.flush()
                time.sleep(0.05)
        except OSError:
            return

    device = serve(drip)
    began = time.monotonic()
    FleetManager([device], poll_timeout=0.3).poll_all()
    assert device.failure is PollFailure.TIMEOUT
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("nonsense", ["99", None, -1, 1e300, True, [1]])
def test_one_devices_nonsense_never_spoils_the_sums(serve: Serve, nonsense: Any) -> None:
    odd = serve(says(HEALTH | {"metrics": {"cpu_percent": nonsense}, "cloud": {"queue_depth": nonsense}}))
    seen = FleetManager([serve(says(HEALTH)), odd]).poll_all()
    assert (seen.healthy_count, seen.avg_cpu, seen.max_queue_depth) == (2, 20.0, 7)
    assert odd.bad_fields == ("metrics.cpu_percent", "cloud.queue_depth")


def test_a_figure_that_is_absent_is_not_nonsense(serve: Serve) -> None:
    device = serve(says({"status": "healthy", "agent": {"running": True}}))
    seen = FleetManager([device]).poll_all()
    assert (seen.avg_cpu, seen.max_queue_depth, device.bad_fields) == (None, 0, ())


def test_devices_that_need_attention_are_named_with_their_causes(serve: Serve) -> None:
    calm = serve(says(HEALTH))
    hot = serve(says(HEALTH | {"metrics": {"cpu_percent": 90.5}}))
    full = serve(says(HEALTH | {"cloud": {"queue_depth": 5001}}))
    stopped = serve(says(HEALTH | {"agent": {"running": False}}))
    fleet = FleetManager([calm, hot, full, stopped])
    assert len(fleet.devices_needing_attention()) == 4
    fleet.poll_all()
    assert fleet.devices_needing_attention() == [hot, full, stopped]
    assert [causes(device)[0] for device in (hot, full, stopped)] == [
        "its CPU is at 90.5 %, above 90 %",
        "its queue holds 5001 items, more than 5000",
        "its agent does not run",
    ]
    assert fleet.devices_needing_attention(max_queue_depth=6000, max_cpu=95.0) == [stopped]


def test_a_push_sends_the_file_in_the_field_config_and_says_how_each_took_it(serve: Serve, tmp_path: Path) -> None:
    got: list[bytes] = []

    def take(handler: BaseHTTPRequestHandler) -> None:
        got.append(handler.rfile.read(int(handler.headers["Content-Length"])))
        says({})(handler)

    parcel = tmp_path / "parcel.json"
    parcel.write_bytes(b"--pyvorin-config\r\n")
    good, refusing = serve(take), serve(says({}, status=422))
    fleet = FleetManager([good, refusing, Device("FLEET-gone", "127.0.0.1", silent_port())])
    said = fleet.push_config(str(parcel), [good.device_id, refusing.device_id, "FLEET-gone", "FLEET-who"])
    assert said[good.device_id] == "ok"
    assert said[refusing.device_id] == "http_422"
    assert said["FLEET-gone"].startswith("error: refused")
    assert said["FLEET-who"] == "unknown_device"
    assert b'name="config"' in got[0]
    assert b"\r\n--pyvorin-config\r\n\r\n--pyvorin-config---\r\n" in got[0]


def test_an_empty_list_of_targets_is_nobody_and_a_missing_file_is_said(tmp_path: Path) -> None:
    fleet = FleetManager([Device("FLEET-1", "127.0.0.1", 1)])
    assert fleet.push_config("x", []) == {}
    assert fleet.push_config(str(tmp_path / "none"))["FLEET-1"].startswith("error: ")


def test_metrics_leave_out_what_is_not_known(serve: Serve) -> None:
    fleet = FleetManager([serve(says(HEALTH))])
    text = export_metrics(fleet.poll_all()).decode()
    assert "pyvorin_fleet_healthy 1.0" in text
    assert "pyvorin_fleet_avg_cpu 20.0" in text
    empty = export_metrics(FleetManager([]).poll_all()).decode()
    assert "pyvorin_fleet_avg_cpu" not in empty

"""The device's HTTP server: the article's clients work, and nobody can hang it, fill it or learn its software."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests

from pyv_edge_agent.health.server import RELOAD_BYTES_MAX, HealthServer, HealthServerError
from pyv_edge_agent.listening import CONNECTIONS_MAX

DOCUMENT: dict[str, Any] = {"status": "healthy", "agent": {"running": True}, "metrics": {"cpu_percent": 1.5}}


class World:
    """A running server, and what its reload was given."""

    def __init__(self, stack: ExitStack, **settings: Any) -> None:
        self.document: Any = DOCUMENT
        self.reloads: list[tuple[bytes, str | None]] = []
        self.answer = (200, "accepted")
        self.server = HealthServer("127.0.0.1", 0, document=self.show, poll_seconds=0.01, **settings)
        self.server.start()
        stack.callback(self.server.stop)
        self.url = f"http://127.0.0.1:{self.server.port}"

    def show(self) -> Any:
        if isinstance(self.document, Exception):
            raise self.document
        return self.document

    def raw(self, data: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=10) as connection:
            connection.sendall(data)
            return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def world(stack: ExitStack) -> World:
    return World(stack)


@pytest.fixture
def reloading(stack: ExitStack) -> World:
    def reload(content: bytes, authorization: str | None) -> tuple[int, str]:
        world.reloads.append((content, authorization))
        return world.answer

    world = World(stack, reload=reload)
    return world


def fetch_device_health(ip: str, port: int = 8080, timeout: float = 5.0) -> dict[str, Any]:
    """The article's own function, letter for letter but for the types' names."""
    try:
        resp = requests.get(f"http://{ip}:{port}/health", timeout=timeout)
        resp.raise_for_status()
        return resp.json()  # type: ignore[no-any-return]
    except Exception as exc:  # noqa: BLE001
        return {"status": "unreachable", "error": str(exc)}


def test_the_articles_client_gets_the_document(world: World) -> None:
    assert fetch_device_health("127.0.0.1", world.server.port) == DOCUMENT


def test_an_unhealthy_device_still_answers_200(world: World) -> None:
    world.document = {"status": "unhealthy", "agent": {"running": False}}
    assert requests.get(world.url + "/health?x=1", timeout=5).status_code == 200


def test_metrics_are_served_as_prometheus_reads_them(world: World) -> None:
    answer = requests.get(world.url + "/metrics", timeout=5)
    assert "pyvorin_edge_cpu_percent 1.5\n" in answer.text
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")


def test_a_document_that_cannot_be_made_is_a_500_and_the_next_is_served(world: World) -> None:
    world.document = RuntimeError("hunter2")
    answer = requests.get(world.url + "/health", timeout=5)
    assert answer.status_code == 500
    assert "hunter2" not in answer.text
    world.document = DOCUMENT
    assert requests.get(world.url + "/health", timeout=5).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/health/../etc/passwd", 404),
        ("GET", "/config/reload", 405),
        ("POST", "/health", 405),
        ("POST", "/x", 404),
        ("DELETE", "/health", 501),
    ],
)
def test_everything_else_is_refused_as_a_problem(world: World, method: str, path: str, status: int) -> None:
    answer = requests.request(method, world.url + path, timeout=5)
    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_nothing_names_the_software(world: World) -> None:
    for path in ("/health", "/nothing"):
        assert "Server" not in requests.get(world.url + path, timeout=5).headers


def test_reload_is_off_by_default_and_says_so(world: World) -> None:
    answer = requests.post(world.url + "/config/reload", files={"config": b"x"}, timeout=5)
    assert answer.status_code == 403
    assert "switched off" in answer.json()["detail"]


def test_the_articles_push_hands_its_file_over(reloading: World) -> None:
    content = b'{"v": 1}\r\n\x00--'
    answer = requests.post(reloading.url + "/config/reload", files={"config": content}, timeout=10)
    assert (answer.status_code, answer.json()) == (200, {"detail": "accepted"})
    assert reloading.reloads == [(content, None)]


@pytest.mark.parametrize("status", [409, 422])
def test_a_refusal_by_the_agent_comes_through_with_its_reason(reloading: World, status: int) -> None:
    reloading.answer = (status, "generation is lower")
    answer = requests.post(
        reloading.url + "/config/reload", files={"config": b"x"}, headers={"Authorization": "Bearer t"}, timeout=10
    )
    assert (answer.status_code, answer.json()["detail"]) == (status, "generation is lower")
    assert reloading.reloads[0][1] == "Bearer t"


def test_a_body_that_is_no_form_is_refused(reloading: World) -> None:
    assert requests.post(reloading.url + "/config/reload", data=b"x", timeout=5).status_code == 400
    assert requests.post(reloading.url + "/config/reload", files={"other": b"x"}, timeout=5).status_code == 400
    assert reloading.reloads == []


def test_a_body_too_large_is_refused_with_an_answer(reloading: World) -> None:
    answer = requests.post(reloading.url + "/config/reload", files={"config": b"x" * RELOAD_BYTES_MAX}, timeout=10)
    assert answer.status_code == 413
    assert reloading.reloads == []


@pytest.mark.parametrize("head", ["", "Content-Length: -1", "Content-Length: x", "Transfer-Encoding: chunked"])
def test_a_body_without_a_length_is_refused(reloading: World, head: str) -> None:
    answer = reloading.raw(f"POST /config/reload HTTP/1.1\r\n{head}\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 411 ")


def test_a_slow_request_is_cut_off_in_total_not_per_read(stack: ExitStack) -> None:
    world = World(stack, request_seconds=0.3)
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", world.server.port), timeout=10) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\n")
        cut = False
        while not cut and time.monotonic() - started < 10:
            try:
                connection.sendall(b"X: y\r\n")
                connection.settimeout(0.05)
                cut = connection.recv(100) == b""
            except TimeoutError:
                continue
            except OSError:
                cut = True
    assert cut
    assert time.monotonic() - started < 5


def test_an_endless_head_is_cut_off(world: World) -> None:
    head = b"GET /health HTTP/1.1\r\n" + b"X: yyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n" * 1_000_000
    with pytest.raises(OSError):
        world.raw(head)


@pytest.mark.parametrize("data", [b"\r\n\r\n", b"\x00\xff\xfe\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"])
def test_garbage_is_refused_and_the_server_lives(world: World, data: bytes) -> None:
    world.raw(data)
    assert fetch_device_health("127.0.0.1", world.server.port) == DOCUMENT


def test_hanging_clients_are_bounded_and_do_not_keep_others_out_for_long(stack: ExitStack) -> None:
    world = World(stack, request_seconds=0.5)
    for _ in range(CONNECTIONS_MAX * 2):
        stack.enter_context(socket.create_connection(("127.0.0.1", world.server.port)))
    deadline = time.monotonic() + 10
    while fetch_device_health("127.0.0.1", world.server.port) != DOCUMENT:
        assert time.monotonic() < deadline


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.com"])
def test_another_address_than_loopback_must_be_allowed_in_so_many_words(host: str) -> None:
    with pytest.raises(HealthServerError, match="not a loopback address"):
        HealthServer(host, 0, document=dict)


def test_a_port_in_use_is_named(world: World) -> None:
    with pytest.raises(HealthServerError, match=f"cannot listen on 127.0.0.1 port {world.server.port}"):
        HealthServer("127.0.0.1", world.server.port, document=dict)


def test_it_stops_and_frees_its_port(stack: ExitStack) -> None:
    world = World(stack)
    world.server.stop()
    world.server.stop()
    with pytest.raises(requests.ConnectionError):
        requests.get(world.url + "/health", timeout=5)

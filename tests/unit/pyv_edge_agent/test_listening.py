"""A bounded server gives each request its time and its bytes; its first user is tested in health/test_server.py."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from pyv_edge_agent.listening import CONNECTIONS_MAX, BoundedHandler, BoundedServer


class Echo(BoundedHandler):
    body_bytes_max = 10

    def do_POST(self) -> None:
        body = self.body()
        if body is not None:
            self.answer(200, "text/plain", body)


@pytest.fixture
def server() -> Iterator[BoundedServer]:
    made = BoundedServer("127.0.0.1", 0, Echo, request_seconds=0.5)
    thread = threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def said(server: BoundedServer, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", server.server_address[1]), timeout=10) as connection:
        connection.sendall(data)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_a_body_within_its_bounds_is_read(server: BoundedServer) -> None:
    assert said(server, b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi").endswith(b"\r\n\r\nhi")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"POST / HTTP/1.1\r\nContent-Length: 11\r\n\r\n12345678901", b"413"),
        (b"POST / HTTP/1.1\r\n\r\n", b"411"),
        (b"BREW / HTTP/1.1\r\n\r\n", b"501"),
    ],
)
def test_what_is_out_of_bounds_is_told(server: BoundedServer, request_: bytes, status: bytes) -> None:
    answer = said(server, request_)
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b"application/problem+json" in answer


def test_a_client_that_does_not_go_on_is_cut_off(server: BoundedServer) -> None:
    assert said(server, b"POST / HTTP/1.1\r\nContent-Le") == b""


def test_those_who_are_silent_give_way_to_who_speaks(server: BoundedServer) -> None:
    server.request_seconds = 60.0
    address = ("127.0.0.1", server.server_address[1])
    silent = [socket.create_connection(address, timeout=10) for _ in range(2 * CONNECTIONS_MAX)]
    for connection in silent:
        connection.sendall(b"POST / HT")
    assert said(server, b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi").endswith(b"\r\n\r\nhi")
    for connection in silent:
        connection.close()


def test_a_thread_that_cannot_be_had_costs_no_slot(server: BoundedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        for _ in range(2 * CONNECTIONS_MAX):
            assert said(server, b"") == b""
    assert said(server, b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi").endswith(b"\r\n\r\nhi")

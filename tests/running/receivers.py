"""Receivers of alerts on loopback: an HTTP one that keeps what it was posted, and a mail server that keeps messages."""

from __future__ import annotations

import http.server
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple


class Posted(NamedTuple):
    """One POST as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """Answers every POST as it is told."""

    def __init__(self) -> None:
        self.posts: list[Posted] = []
        self.answer = 200
        #: where a redirect points
        self.location = ""
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(self))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Up until the block ends."""
    made = Receiver()
    with _serving(made.server):
        yield made


class Mailbox:
    """A mail server without TLS: keeps (recipients, text) of each message; `answer` to the end of DATA."""

    def __init__(self) -> None:
        self.messages: list[tuple[tuple[str, ...], str]] = []
        self.answer = b"250 kept\r\n"
        self.server = _Mail(("127.0.0.1", 0), _mail_handler_for(self))

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    """Up until the block ends."""
    made = Mailbox()
    with _serving(made.server):
        yield made


class _Mail(socketserver.ThreadingTCPServer):
    daemon_threads = True


@contextmanager
def _serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def _handler_for(box: Receiver) -> Any:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            box.posts.append(Posted(self.path, {key.lower(): value for key, value in self.headers.items()}, body))
            self.send_response(box.answer)
            if box.location:
                self.send_header("Location", box.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Not into the tests' output."""

    return Handler


def _mail_handler_for(box: Mailbox) -> Any:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 here\r\n")
            to: list[str] = []
            while line := self.rfile.readline():
                word = line[:4].upper()
                if word == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    text = b"".join(iter(self.rfile.readline, b".\r\n")).decode()
                    if box.answer.startswith(b"2"):
                        box.messages.append((tuple(to), text))
                    self.wfile.write(box.answer)
                    continue
                if word == b"RCPT":
                    to.append(line.decode().split("<")[1].split(">")[0])
                self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 yes\r\n")

    return Handler

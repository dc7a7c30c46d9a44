"""An HTTP server for a small machine: each connection carries one request, within a total time and so many bytes.

There are never more than a few at once: a hanging or hostile client costs a slot for some seconds, nothing else.
"""

from __future__ import annotations

import http.server
import io
import json
import logging
import socket
import socketserver
import threading
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

logger = logging.getLogger(__name__)

HEAD_BYTES_MAX: Final = 16 * 1024
#: Whole request, from its first byte to the answer's last, without the time the agent itself takes.
REQUEST_SECONDS_MAX: Final = 10.0
CONNECTIONS_MAX: Final = 16
#: Of a body that is refused, so that the client reads the answer rather than a reset.
_DISCARDED_BYTES_MAX: Final = 8 * 1024 * 1024


class BoundedServer(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Listens from its making on; `serve_forever` answers. OSError if the address cannot be bound."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(
        self, host: str, port: int, handler: type[BoundedHandler], request_seconds: float = REQUEST_SECONDS_MAX
    ) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.request_seconds = request_seconds
        self._slots = threading.BoundedSemaphore(CONNECTIONS_MAX)
        super().__init__((host, port), handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """In a thread of its own, if there is a slot; else the connection is closed."""
        if self._slots.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """The thread's work."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke is the client's trouble."""
        logger.debug("connection from %s broke", client_address, exc_info=True)


class BoundedHandler(http.server.BaseHTTPRequestHandler):
    """One request; subclasses add `do_GET` and the like."""

    server: BoundedServer
    protocol_version = "HTTP/1.1"
    #: what a body may have
    body_bytes_max = 1024 * 1024

    def setup(self) -> None:
        """The bounds of this connection."""
        super().setup()
        self._input = _Bounded(self.connection, time.monotonic() + self.server.request_seconds, HEAD_BYTES_MAX)
        self.rfile = io.BufferedReader(self._input)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the base class refuses (a malformed head, an unknown method) is told in the same form."""
        self.refuse(code, message or "")

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged above DEBUG: a poller would fill the log."""
        logger.debug(format, *args)

    def body(self) -> bytes | None:
        """The whole body; none after a refusal was sent."""
        said = self.headers.get("Content-Length", "")
        if "Transfer-Encoding" in self.headers or not (said.isascii() and said.isdigit()):
            self.refuse(411, "a Content-Length is needed")
            return None
        length = int(said[:16])
        if length > self.body_bytes_max:
            self._read(min(length, _DISCARDED_BYTES_MAX), keep=False)
            self.refuse(413, f"{length} bytes where at most {self.body_bytes_max} are allowed")
            return None
        body = self._read(length, keep=True)
        if len(body) < length:
            self.refuse(400, "the body ended early")
            return None
        return body

    def refuse(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        """Answer with a problem (RFC 9457)."""
        title = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Error"
        problem = {"type": "about:blank", "title": title, "status": status, "detail": detail}
        self.answer(status, "application/problem+json", json.dumps(problem).encode(), headers)

    def answer(self, status: int, content_type: str, content: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Answer, and end the connection."""
        self.log_request(status)
        self.send_response_only(status)  # not send_response: that names the server's software
        said = {"Content-Type": content_type, "Content-Length": str(len(content)), "Cache-Control": "no-store"}
        for name, value in {**said, "Connection": "close", **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _read(self, length: int, *, keep: bool) -> bytes:
        self._input.budget += length
        kept = bytearray()
        while length > 0 and (piece := self.rfile.read(min(length, 64 * 1024))):
            length -= len(piece)
            kept.extend(piece if keep else b"")
        return bytes(kept)


class _Bounded(io.RawIOBase):
    """What may be read of a connection: until a deadline, and so many bytes; beyond that it is at its end."""

    def __init__(self, connection: socket.socket, until: float, budget: int) -> None:
        self._connection = connection
        self._until = until
        self.budget = budget

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        remaining = self._until - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("the request took too long")
        self._connection.settimeout(remaining)
        count = self._connection.recv_into(buffer, min(len(buffer), self.budget)) if self.budget else 0
        self.budget -= count
        return count

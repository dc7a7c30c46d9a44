"""An HTTP server for a small machine: each connection carries one request, within a total time and so many bytes.

There are never more than a few at once: a hanging or hostile client costs a slot for some seconds, nothing else.
The standard library's http.server would do but for its 0.6 MiB, most of it the names of HTML's characters.
"""

from __future__ import annotations

import contextlib
import errno
import http.client
import io
import json
import logging
import re
import socket
import socketserver
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

logger = logging.getLogger(__name__)

HEAD_BYTES_MAX: Final = 16 * 1024
#: Whole request, from its first byte to the answer's last, without the time the agent itself takes.
REQUEST_SECONDS_MAX: Final = 10.0
CONNECTIONS_MAX: Final = 16
#: How long one that is cut off may take to give its slot up.
_CUT_SECONDS: Final = 0.5
_NO_ROOM_SECONDS: Final = 0.1
_REQUEST: Final = re.compile(rb"([A-Z]{1,16}) ([\x21-\x7e]+) HTTP/1\.[01]\r?\n")
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
        self.silent = _Silent()
        super().__init__((host, port), handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """In a thread of its own. If there is no slot, who came first and has not said all gives way."""
        if not self._slots.acquire(blocking=False):
            self.silent.cut_oldest()
            if not self._slots.acquire(timeout=_CUT_SECONDS):
                self.shutdown_request(request)
                return
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # no thread to be had just now
            self._slots.release()
            raise

    def get_request(self) -> tuple[Any, Any]:
        """The next connection. Where no descriptor is left it stays waiting, and would be asked for without rest."""
        try:
            return super().get_request()
        except OSError as why:
            if why.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                logger.error("a connection could not be taken: %s", why.strerror)
                time.sleep(_NO_ROOM_SECONDS)
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """The thread's work."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke is the client's trouble."""
        logger.debug("connection from %s broke", client_address, exc_info=True)


class BoundedHandler(socketserver.StreamRequestHandler):
    """One request, answered by the method `do_` and its verb; subclasses add `do_GET` and the like."""

    server: BoundedServer
    #: what a body may have
    body_bytes_max = 1024 * 1024

    #: of the request: `GET`, `/health?q=1`, and its headers, whose names are without case
    command = ""
    path = ""
    headers: http.client.HTTPMessage

    def setup(self) -> None:
        """The bounds of this connection."""
        super().setup()
        until = time.monotonic() + self.server.request_seconds
        self._input = _Bounded(self.connection, until, HEAD_BYTES_MAX, self.server.silent)
        self.rfile = io.BufferedReader(self._input)

    def handle(self) -> None:
        """Read the head, and let the verb's method answer; a head that is none is told so, silence is not."""
        line = self.rfile.readline()
        if not line.endswith(b"\n"):
            return
        asked = _REQUEST.fullmatch(line)
        if asked is None:
            self.refuse(400, "the first line is no request of HTTP/1.1")
            return
        self.command, self.path = asked[1].decode("ascii"), asked[2].decode("ascii")
        try:
            self.headers = http.client.parse_headers(self.rfile)
        except http.client.HTTPException as why:
            self.refuse(431, f"the head is too large: {why}")
            return
        answer = getattr(self, f"do_{self.command}", None)
        if answer is None:
            self.refuse(501, f"there is no {self.command} here")
            return
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        answer()

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
        problem = {"type": "about:blank", "title": _phrase_of(status), "status": status, "detail": detail}
        self.answer(status, "application/problem+json", json.dumps(problem).encode(), headers)

    def answer(self, status: int, content_type: str, content: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Answer, and end the connection."""
        logger.debug("%s %s: %d", self.command, self.path, status)  # not above: a poller would fill the log
        said = {"Content-Type": content_type, "Content-Length": str(len(content)), "Cache-Control": "no-store"}
        lines = [f"HTTP/1.1 {status} {_phrase_of(status)}"]
        lines += (f"{name}: {value}" for name, value in {**said, "Connection": "close", **(headers or {})}.items())
        head = "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")
        self.wfile.write(head + (b"" if self.command == "HEAD" else content))

    def _read(self, length: int, *, keep: bool) -> bytes:
        self._input.budget += length
        kept = bytearray()
        while length > 0 and (piece := self.rfile.read(min(length, 64 * 1024))):
            length -= len(piece)
            kept.extend(piece if keep else b"")
        return bytes(kept)


def _phrase_of(status: int) -> str:
    return http.client.responses.get(status, "Error")


class _Silent:
    """Connections that have not said all yet, and until when they may take."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[socket.socket, float] = {}

    @contextlib.contextmanager
    def waiting(self, connection: socket.socket, until: float) -> Iterator[None]:
        """Within, the agent waits for this client, and may cut it off."""
        with self._lock:
            self._waiting[connection] = until
        try:
            yield
        finally:
            with self._lock:
                self._waiting.pop(connection, None)

    def cut_oldest(self) -> None:
        """End the one that came first; its thread then finds it at its end."""
        with self._lock:
            oldest = min(self._waiting, key=self._waiting.__getitem__, default=None)
            if oldest is not None:
                del self._waiting[oldest]
                with contextlib.suppress(OSError):
                    oldest.shutdown(socket.SHUT_RDWR)


class _Bounded(io.RawIOBase):
    """What may be read of a connection: until a deadline, and so many bytes; beyond that it is at its end."""

    def __init__(self, connection: socket.socket, until: float, budget: int, silent: _Silent) -> None:
        self._connection = connection
        self._silent = silent
        self._until = until
        self.budget = budget

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        remaining = self._until - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("the request took too long")
        self._connection.settimeout(remaining)
        if not self.budget:
            return 0
        with self._silent.waiting(self._connection, self._until):
            count = self._connection.recv_into(buffer, min(len(buffer), self.budget))
        self.budget -= count
        return count

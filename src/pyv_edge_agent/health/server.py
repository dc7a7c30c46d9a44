"""The device's HTTP server (PROTOCOL 8): `GET /health`, `GET /metrics`, and, where switched on, `POST /config/reload`.

Every connection carries one request, within a total time and a bounded number of bytes, and there are never more than a
few at once: a hanging or hostile client costs a slot for some seconds, nothing else.
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
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

from pyv_edge_agent.health.metrics import CONTENT_TYPE, metrics_text
from pyv_edge_agent.health.multipart import MultipartError, field_of
from pyvorin_edge.address import is_loopback

logger = logging.getLogger(__name__)

HEAD_BYTES_MAX: Final = 16 * 1024
RELOAD_BYTES_MAX: Final = 1024 * 1024
#: Whole request, from its first byte to the answer's last, without the time the agent itself takes.
REQUEST_SECONDS_MAX: Final = 10.0
CONNECTIONS_MAX: Final = 16
#: Of a body that is refused, so that the client reads the answer rather than a reset.
_DISCARDED_BYTES_MAX: Final = 8 * 1024 * 1024

#: (content of the field `config`, the Authorization header or none) → (status, one sentence)
Reload = Callable[[bytes, str | None], tuple[int, str]]


class HealthServerError(Exception):
    """The server cannot listen where it was told to; the message says where and why."""


class HealthServer:
    """Serves `document()` until stopped. Bound to loopback unless `allow_remote` says otherwise in so many words."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        document: Callable[[], Mapping[str, Any]],
        reload: Reload | None = None,
        allow_remote: bool = False,
        request_seconds: float = REQUEST_SECONDS_MAX,
        poll_seconds: float = 0.5,
    ) -> None:
        """HealthServerError if the address is not loopback and not allowed, or cannot be bound. Port 0 = any free.

        `poll_seconds`: how long `stop` may take; each costs an idle device one wake-up.
        """
        if not allow_remote and not is_loopback(host):
            raise HealthServerError(f"{host} is not a loopback address: allow it explicitly, or use 127.0.0.1")
        try:
            self._server = _Server(host, port, document, reload, request_seconds)
        except OSError as why:
            raise HealthServerError(f"cannot listen on {host} port {port}: {why.strerror or why}") from why
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": poll_seconds}, name="health", daemon=True
        )

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to answer; until then connections wait."""
        self._thread.start()

    def stop(self) -> None:
        """Answer no more and free the address; may be called twice."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(
        self,
        host: str,
        port: int,
        document: Callable[[], Mapping[str, Any]],
        reload: Reload | None,
        request_seconds: float,
    ) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.document = document
        self.reload = reload
        self.request_seconds = request_seconds
        self.reloading = threading.Lock()
        self._slots = threading.BoundedSemaphore(CONNECTIONS_MAX)
        super().__init__((host, port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._slots.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        logger.debug("connection from %s broke", client_address, exc_info=True)


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


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self._input = _Bounded(self.connection, time.monotonic() + self.server.request_seconds, HEAD_BYTES_MAX)
        self.rfile = io.BufferedReader(self._input)

    def do_GET(self) -> None:
        match self.path.partition("?")[0]:
            case "/health":
                self._show(lambda document: json.dumps(document).encode(), "application/json")
            case "/metrics":
                self._show(lambda document: metrics_text(document).encode(), CONTENT_TYPE)
            case "/config/reload":
                self._refuse(405, "POST a form with the field 'config'")
            case _:
                self._refuse(404, "there is /health, /metrics and /config/reload")

    def do_POST(self) -> None:
        body = self._body()
        if body is None:
            return
        match self.path.partition("?")[0]:
            case "/config/reload":
                self._reload(body)
            case "/health" | "/metrics":
                self._refuse(405, "only GET")
            case _:
                self._refuse(404, "there is /health, /metrics and /config/reload")

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the base class refuses (a malformed head, an unknown method) is told in the same form."""
        self._refuse(code, message or "")

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged above DEBUG: a poller would fill the log."""
        logger.debug(format, *args)

    def _show(self, form: Callable[[Mapping[str, Any]], bytes], content_type: str) -> None:
        try:
            content = form(self.server.document())
        except Exception:
            logger.exception("the health document could not be made")
            self._refuse(500, "the health document could not be made; see the log")
            return
        self._answer(200, content_type, content)

    def _reload(self, body: bytes) -> None:
        reload = self.server.reload
        if reload is None:
            self._refuse(403, "config reload is switched off on this device")
            return
        if not self.server.reloading.acquire(blocking=False):
            self._refuse(503, "another reload is under way", {"Retry-After": "5"})
            return
        try:
            status, message = self._reloaded(reload, body)
        finally:
            self.server.reloading.release()  # before the answer: whoever has it may come again at once
        answer = json.dumps({"detail": message}).encode()
        self._answer(status, "application/json", answer) if status < 400 else self._refuse(status, message)

    def _reloaded(self, reload: Reload, body: bytes) -> tuple[int, str]:
        try:
            content = field_of(body, self.headers.get("Content-Type", ""), "config")
            return reload(content, self.headers.get("Authorization"))
        except MultipartError as why:
            return 400, str(why)
        except Exception:
            logger.exception("config reload failed")
            return 500, "the reload failed; see the log"

    def _body(self) -> bytes | None:
        """The whole body; none after a refusal was sent."""
        said = self.headers.get("Content-Length", "")
        if "Transfer-Encoding" in self.headers or not (said.isascii() and said.isdigit()):
            self._refuse(411, "a Content-Length is needed")
            return None
        length = int(said[:16])
        if length > RELOAD_BYTES_MAX:
            self._read(min(length, _DISCARDED_BYTES_MAX), keep=False)
            self._refuse(413, f"{length} bytes where at most {RELOAD_BYTES_MAX} are allowed")
            return None
        body = self._read(length, keep=True)
        if len(body) < length:
            self._refuse(400, "the body ended early")
            return None
        return body

    def _read(self, length: int, *, keep: bool) -> bytes:
        self._input.budget += length
        kept = bytearray()
        while length > 0 and (piece := self.rfile.read(min(length, 64 * 1024))):
            length -= len(piece)
            kept.extend(piece if keep else b"")
        return bytes(kept)

    def _refuse(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        title = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Error"
        problem = {"type": "about:blank", "title": title, "status": status, "detail": detail}
        self._answer(status, "application/problem+json", json.dumps(problem).encode(), headers)

    def _answer(self, status: int, content_type: str, content: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.log_request(status)
        self.send_response_only(status)  # not send_response: that names the server's software
        said = {"Content-Type": content_type, "Content-Length": str(len(content)), "Cache-Control": "no-store"}
        for name, value in {**said, "Connection": "close", **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

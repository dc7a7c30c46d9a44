"""The device's HTTP server (PROTOCOL 8): `/health`, `/metrics`, and, where switched on, `POST /config/reload`."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from pyv_edge_agent.health.metrics import CONTENT_TYPE, metrics_text
from pyv_edge_agent.health.multipart import MultipartError, field_of
from pyv_edge_agent.listening import REQUEST_SECONDS_MAX, BoundedHandler, BoundedServer
from pyvorin_edge.address import is_loopback

logger = logging.getLogger(__name__)

RELOAD_BYTES_MAX: Final = 1024 * 1024

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


class _Server(BoundedServer):
    def __init__(
        self,
        host: str,
        port: int,
        document: Callable[[], Mapping[str, Any]],
        reload: Reload | None,
        request_seconds: float,
    ) -> None:
        self.document = document
        self.reload = reload
        self.reloading = threading.Lock()
        super().__init__(host, port, _Handler, request_seconds)


class _Handler(BoundedHandler):
    server: _Server
    body_bytes_max = RELOAD_BYTES_MAX

    def do_GET(self) -> None:
        match self.path.partition("?")[0]:
            case "/health":
                self._show(lambda document: json.dumps(document).encode(), "application/json")
            case "/metrics":
                self._show(lambda document: metrics_text(document).encode(), CONTENT_TYPE)
            case "/config/reload":
                self.refuse(405, "POST a form with the field 'config'")
            case _:
                self.refuse(404, "there is /health, /metrics and /config/reload")

    def do_POST(self) -> None:
        body = self.body()
        if body is None:
            return
        match self.path.partition("?")[0]:
            case "/config/reload":
                self._reload(body)
            case "/health" | "/metrics":
                self.refuse(405, "only GET")
            case _:
                self.refuse(404, "there is /health, /metrics and /config/reload")

    def _show(self, form: Callable[[Mapping[str, Any]], bytes], content_type: str) -> None:
        try:
            content = form(self.server.document())
        except Exception:
            logger.exception("the health document could not be made")
            self.refuse(500, "the health document could not be made; see the log")
            return
        self.answer(200, content_type, content)

    def _reload(self, body: bytes) -> None:
        reload = self.server.reload
        if reload is None:
            self.refuse(403, "config reload is switched off on this device")
            return
        if not self.server.reloading.acquire(blocking=False):
            self.refuse(503, "another reload is under way", {"Retry-After": "5"})
            return
        try:
            status, message = self._reloaded(reload, body)
        finally:
            self.server.reloading.release()  # before the answer: whoever has it may come again at once
        answer = json.dumps({"detail": message}).encode()
        self.answer(status, "application/json", answer) if status < 400 else self.refuse(status, message)

    def _reloaded(self, reload: Reload, body: bytes) -> tuple[int, str]:
        try:
            content = field_of(body, self.headers.get("Content-Type", ""), "config")
            return reload(content, self.headers.get("Authorization"))
        except MultipartError as why:
            return 400, str(why)
        except Exception:
            logger.exception("config reload failed")
            return 500, "the reload failed; see the log"

"""Readings that others POST as JSON: one listener for each address, however many sensors have a path on it."""

from __future__ import annotations

import hmac
import json
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from pyv_edge_agent.listening import BoundedHandler, BoundedServer
from pyv_edge_agent.sensors.backlog import Pushed
from pyv_edge_agent.sensors.interface import SensorError, SensorReading, fault_of
from pyv_edge_agent.sensors.payload import Extraction, PayloadError
from pyvorin_edge.address import is_loopback

logger = logging.getLogger(__name__)

BODY_BYTES_MAX: Final = 256 * 1024
READINGS_IN_ONE_MAX: Final = 1000
ROOT: Final = "/readings/"
_POLL_SECONDS: Final = 0.5


class WebhookAdapter(Pushed):
    """One sensor: what is posted to /readings/NAME."""

    def __init__(self, device: Mapping[str, Any], listener: WebhookListener, *, clock: Callable[[], float]) -> None:
        super().__init__()
        self._device = device
        self._extraction = Extraction.from_document(device)
        self._listener = listener
        self._clock = clock
        self._failure: str | None = None
        self._started = False
        #: readings that were posted and are none
        self.refused = 0

    @property
    def name(self) -> str:
        """See Adapter."""
        return self._extraction.name

    @property
    def interval_seconds(self) -> float | None:
        """See Adapter."""
        return self._device.get("interval_seconds")

    @property
    def connected(self) -> bool:
        """See Adapter: while it listens, whether or not anything comes."""
        return self._started and self._failure is None

    @property
    def failure(self) -> str | None:
        """See Adapter."""
        return self._failure

    def start(self) -> None:
        """See Adapter."""
        try:
            self._listener.join(self)
        except SensorError as why:
            self._failure = f"sensor {self.name!r}: {why}"
            raise SensorError(self._failure) from None
        self._failure = None
        self._started = True

    def read(self) -> SensorReading | None:
        """See Adapter. Its readings come by themselves."""
        return None

    def stop(self) -> None:
        """See Adapter."""
        self._started = False
        self._listener.leave(self)

    def may(self, authorization: str | None) -> bool:
        """Whether whoever sent this header may post: anybody if no token is configured, which is for loopback alone."""
        token = str(self._device.get("token", ""))
        if not token:
            return is_loopback(self._listener.host)
        return hmac.compare_digest((authorization or "").encode(), f"Bearer {token}".encode())

    def posted(self, body: bytes) -> int:
        """Take one reading or a list of them, all or none; how many. PayloadError says which is none."""
        try:
            said = msgspec.json.decode(body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            self.refused += 1
            raise PayloadError("the body is no JSON") from None
        items = said if isinstance(said, list) else [said]
        if len(items) > READINGS_IN_ONE_MAX:
            self.refused += len(items)
            raise PayloadError(f"{len(items)} readings where at most {READINGS_IN_ONE_MAX} are allowed in one")
        readings = [self._reading(index, item) for index, item in enumerate(items)]
        for reading in readings:
            self._readings.put(reading)
        return len(readings)

    def _reading(self, index: int, item: Any) -> SensorReading:
        try:
            if isinstance(item, list):
                raise PayloadError("a list in a list")
            reading = self._extraction.reading_of(item, self._clock())
            if (fault := fault_of(reading)) is not None:
                raise PayloadError(fault)
        except PayloadError as why:
            self.refused += 1
            raise PayloadError(f"reading {index}: {why}") from None
        return reading


class WebhookListener:
    """A server that stands while at least one sensor has a path on it."""

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self._port = port
        self._members: dict[str, WebhookAdapter] = {}
        self._lock = threading.Lock()
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._port if self._server is None else int(self._server.server_address[1])

    def join(self, adapter: WebhookAdapter) -> None:
        """Answer for this sensor too; the first one opens the port. SensorError if it cannot be opened."""
        with self._lock:
            if self._server is None:
                try:
                    self._server = _Server(self.host, self._port, self._members)
                except OSError as why:
                    said = why.strerror or why
                    raise SensorError(f"cannot listen on {self.host} port {self._port}: {said}") from None
                self._thread = threading.Thread(
                    target=self._server.serve_forever, args=(_POLL_SECONDS,), name="sensors-http", daemon=True
                )
                self._thread.start()
            self._members[adapter.name] = adapter

    def leave(self, adapter: WebhookAdapter) -> None:
        """Answer no more for it; the last one closes the port."""
        with self._lock:
            self._members.pop(adapter.name, None)
            if self._members or self._server is None or self._thread is None:
                return
            server, self._server = self._server, None
            thread, self._thread = self._thread, None
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(BoundedServer):
    def __init__(self, host: str, port: int, members: Mapping[str, WebhookAdapter]) -> None:
        self.members = members
        super().__init__(host, port, _Handler)


class _Handler(BoundedHandler):
    server: _Server
    body_bytes_max = BODY_BYTES_MAX

    def do_GET(self) -> None:
        self.refuse(405, f"POST readings to {ROOT}NAME", {"Allow": "POST"})

    def do_POST(self) -> None:
        body = self.body()
        if body is None:
            return
        path = self.path.partition("?")[0]
        adapter = self.server.members.get(unquote(path.removeprefix(ROOT))) if path.startswith(ROOT) else None
        if adapter is None:
            self.refuse(404, f"no sensor has this path; it is {ROOT}NAME")
        elif not adapter.may(self.headers.get("Authorization")):
            self.refuse(401, "the token is missing or wrong", {"WWW-Authenticate": "Bearer"})
        else:
            self._take(adapter, body)

    def _take(self, adapter: WebhookAdapter, body: bytes) -> None:
        try:
            count = adapter.posted(body)
        except PayloadError as why:
            self.refuse(400, str(why))
            return
        self.answer(202, "application/json", json.dumps({"accepted": count}).encode())

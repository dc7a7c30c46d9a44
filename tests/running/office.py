"""A controller's HTTPS for devices without MQTT, and nothing else of a controller: what is laid in is desired."""

from __future__ import annotations

import contextlib
import http.server
import json
import re
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from pyv_fleet.trust import certificates
from pyv_fleet.trust.authority import Authority
from pyvorin_edge import topics
from pyvorin_edge.envelope import open_envelope
from pyvorin_edge.errors import PyvorinError
from pyvorin_edge.identity import digest_of

_CONTENT = re.compile(r"/v1/(releases|blobs|trust)/([0-9a-f]+)(?:/envelope)?")
_OWN = re.compile(r"/v1/devices/([^/]+)/(desired|report)")


class Office:
    """Serves what is retained, by topic, to devices that bear their certificate. A `Carrier` too."""

    def __init__(self, root: Path) -> None:
        self.authority = Authority.open_or_create(root / "ca", ["127.0.0.1"], datetime.now(UTC))
        self.retained: dict[str, bytes] = {}
        self.said: list[tuple[str, bytes]] = []
        #: every request: method and path
        self.asked: list[str] = []
        #: answered instead, by method and path without query: status and headers
        self.instead: dict[str, tuple[int, dict[str, str]]] = {}
        self.longest_wait_seconds = 55.0
        self._changed = threading.Condition()
        self._ending = False
        self._server = _Server(("127.0.0.1", 0), _handler_for(self))
        places = self.authority.places
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(places.device_ca.certificate))
        context.load_cert_chain(places.server.certificate, places.server.key)
        context.verify_mode = ssl.CERT_REQUIRED
        self._server.context = context
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.address[1]}"

    @property
    def server_ca_pem(self) -> str:
        return self.authority.places.server_ca.certificate.read_text()

    def enrol(self, device_id: str) -> tuple[bytes, bytes]:
        """Certificate and key of a device, in PEM."""
        key = certificates.new_key()
        request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
        der = request.public_bytes(serialization.Encoding.DER)
        return certificates.pem_of(self.authority.issue(der, device_id, datetime.now(UTC))), certificates.private_pem(
            key
        )

    def publish(self, topic: str, payload: bytes, *, retain: bool) -> None:
        with self._changed:
            if retain and payload:
                self.retained[topic] = payload
            elif retain:
                self.retained.pop(topic, None)
            self._changed.notify_all()

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def forget(self) -> None:
        with self._changed:
            self.retained.clear()
            self.said.clear()
            self.instead.clear()

    def close(self) -> None:
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()

    # what the handler asks

    def desired(self, device_id: str, known: str | None, wait_seconds: float) -> tuple[int, str, bytes]:
        with self._changed:
            self._changed.wait_for(
                lambda: self._ending or self.etag(device_id) != known,
                timeout=min(wait_seconds, self.longest_wait_seconds),
            )
            etag = self.etag(device_id)
            return (304, etag, b"") if etag == known else (200, etag, self._desired(device_id))

    def etag(self, device_id: str) -> str:
        return f'"{digest_of(self._desired(device_id))}"'

    def content(self, kind: str, name: str) -> bytes | None:
        topic_of = {"releases": topics.release, "blobs": topics.blob, "trust": lambda text: topics.trust(int(text))}
        return self.retained.get(topic_of[kind](name))

    def _desired(self, device_id: str) -> bytes:
        assignment = self.retained.get(topics.assignment(device_id))
        directive = self.retained.get(topics.channel(_channel_of(assignment)))
        versions = [int(topic.rpartition("/")[2]) for topic in self.retained if "/trust/" in topic]
        body: dict[str, Any] = {"trust": max(versions, default=0)}
        for name, envelope in (("directive", directive), ("assignment", assignment)):
            body[name] = None if envelope is None else envelope.decode("utf-8", "replace")
        return json.dumps(body).encode()


@contextlib.contextmanager
def office() -> Iterator[Office]:
    """An office of its own in a temporary directory."""
    with tempfile.TemporaryDirectory(prefix="pyv-office-") as place:
        made = Office(Path(place))
        try:
            yield made
        finally:
            made.close()


def _channel_of(assignment: bytes | None) -> str:
    with contextlib.suppress(PyvorinError, ValueError, AttributeError):
        if assignment is not None:
            return str(json.loads(open_envelope(assignment).payload).get("channel", "stable"))
    return "stable"


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    context: ssl.SSLContext

    def finish_request(self, request: Any, client_address: Any) -> None:
        """The handshake in the connection's own thread: one that hangs holds up nobody."""
        with contextlib.suppress(OSError):
            super().finish_request(self.context.wrap_socket(request, server_side=True), client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A device that is cut off is no error here."""


def _handler_for(office: Office) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            office.asked.append(f"GET {self.path}")
            if f"GET {parts.path}" in office.instead:
                self._say(*office.instead[f"GET {parts.path}"], b"")
            elif own := _OWN.fullmatch(parts.path):
                wait = float(parse_qs(parts.query).get("wait", ["0"])[0])
                status, etag, body = office.desired(own[1], self.headers.get("If-None-Match"), wait)
                self._say(status, {"ETag": etag}, body)
            elif found := _CONTENT.fullmatch(parts.path):
                content = office.content(found[1], found[2])
                self._say(200 if content is not None else 404, {}, content or b"")
            else:
                self._say(404, {}, b"")

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            if len(body) < length:
                self.close_connection = True  # cut off in the middle: as if nothing had come
                return
            office.asked.append(f"POST {self.path}")
            if f"POST {self.path}" in office.instead:
                self._say(*office.instead[f"POST {self.path}"], b"")
                return
            own = _OWN.fullmatch(self.path)
            assert own is not None, self.path
            office.said.append((topics.report(own[1]), body))
            self._say(204, {"ETag": office.etag(own[1])}, b"")

        def log_message(self, format: str, *args: object) -> None:
            pass

        def _say(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status not in (204, 304):
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler

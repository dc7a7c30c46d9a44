"""A controller's HTTPS desk without a controller: real TLS and a real authority, answers that a test lays ready."""

from __future__ import annotations

import base64
import http.server
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from pyv_fleet.trust import est
from pyv_fleet.trust.authority import Authority
from pyv_fleet.trust.tokens import new_enrolment_token


class Desk:
    """EST, and whatever else is laid in `answers` by path. One token, good for one id."""

    def __init__(self, root: Path, device_id: str, born: datetime | None = None) -> None:
        """`born`: when its authority was made, if not now."""
        self.authority = Authority.open_or_create(root / "ca", ["127.0.0.1"], born or datetime.now(UTC))
        self.token = new_enrolment_token(self.authority.server_ca_spki_sha256)
        self.device_id = device_id
        self.answers: dict[str, tuple[int, bytes]] = {}
        #: the next answers break off after so many bytes
        self.cuts: list[int] = []
        self.honours_ranges = True
        #: the ranges that were asked for
        self.ranges: list[str | None] = []
        #: what was asked, and by which certificate's CN
        self.asked: list[tuple[str, str | None]] = []
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(self))
        places = self.authority.places
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(places.device_ca.certificate))
        context.load_cert_chain(places.server.certificate, places.server.key)
        context.verify_mode = ssl.CERT_OPTIONAL
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._server.server_address[1]}"

    @property
    def server_ca_pem(self) -> str:
        return self.authority.places.server_ca.certificate.read_text()

    def serve(self) -> None:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str, authorization: str, body: bytes) -> tuple[int, bytes]:
        if path == "/.well-known/est/cacerts":
            return 200, est.certs_only([self.authority.device_ca, self.authority.server_ca])
        if path == "/.well-known/est/simpleenroll":
            return self._enrol(authorization, body)
        if path == "/.well-known/est/simplereenroll" and path not in self.answers:
            made = self.authority.issue(est.csr_of(body), self.device_id, datetime.now(UTC))
            return 200, est.certs_only([made])
        return self.answers.get(path, (404, b'{"title":"Not found","detail":"there is nothing here"}'))

    def _enrol(self, authorization: str, body: bytes) -> tuple[int, bytes]:
        if authorization != "Basic " + base64.b64encode(f"{self.device_id}:{self.token.text}".encode()).decode():
            return 401, b'{"title":"Not signed in","detail":"the token is used up"}'
        made = self.authority.issue(est.csr_of(body), self.device_id, datetime.now(UTC))
        return 200, est.certs_only([made])


@contextmanager
def open_desk(root: Path, device_id: str, born: datetime | None = None) -> Iterator[Desk]:
    """A desk that serves."""
    desk = Desk(root, device_id, born)
    desk.serve()
    try:
        yield desk
    finally:
        desk.stop()


def _handler_for(desk: Desk) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers["Content-Length"])))

        def log_message(self, format: str, *args: object) -> None:
            pass

        def _answer(self, body: bytes) -> None:
            der = self.connection.getpeercert(True)  # type: ignore[attr-defined]
            names = x509.load_der_x509_certificate(der).subject if der else ()
            desk.asked.append((self.path, next((str(name.value) for name in names), None)))
            status, content = desk.answer(self.path, self.headers.get("Authorization", ""), body)
            asked = self.headers.get("Range")
            desk.ranges.append(asked)
            begin = int(asked.removeprefix("bytes=").rstrip("-")) if asked and desk.honours_ranges else 0
            self.send_response(206 if begin else status)
            if begin:
                self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
            self.send_header("Content-Length", str(len(content) - begin))
            self.end_headers()
            self.wfile.write(content[begin : begin + desk.cuts.pop(0)] if desk.cuts else content[begin:])
            self.close_connection = True

    return Handler

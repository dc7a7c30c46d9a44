"""TLS at the API: the server's context, and the client's certificate brought into each request (STACK 5)."""

from __future__ import annotations

import asyncio
import ssl
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

CERTIFICATE_KEY: Final = "pyvorin.client_certificate"
"""Where the DER of the client's certificate stands in `scope["extensions"]`."""
REQUEST_SECONDS: Final = 60.0
"""A whole request, its body too, within this from its first byte, or from the connection's beginning: whoever sends a
byte now and then must not hold a place for ever. Answers may take as long as they like."""
_NO_CHECK_TIME: Final = 0x200000  # OpenSSL's X509_V_FLAG_NO_CHECK_TIME; Python's ssl does not name it


class CertificateProtocol(HttpToolsProtocol):
    """uvicorn's own, which also tells the app whose certificate a connection bears, and ends requests that never do."""

    request_seconds = REQUEST_SECONDS
    _certificate: bytes | None = None
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Read the certificate once a connection."""
        super().connection_made(transport)
        tls = transport.get_extra_info("ssl_object")
        self._certificate = tls.getpeercert(True) if tls is not None else None
        self._expect_a_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Into the scope of each request on the connection."""
        super().on_message_begin()
        self._expect_a_request()
        if self._certificate:
            self.scope.setdefault("extensions", {})[CERTIFICATE_KEY] = self._certificate  # type: ignore[assignment]

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._stop_waiting()
        super().on_message_complete()

    def _expect_a_request(self) -> None:
        self._stop_waiting()
        self._deadline = self.loop.call_later(self.request_seconds, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def server_context(certificate: str, key: str, device_ca: str) -> ssl.SSLContext:
    """TLS 1.2 or higher; a client's certificate is optional, and of the device CA.

    An expired one passes the handshake, so that it can be renewed (PROTOCOL 2); the guard refuses it elsewhere.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=device_ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.verify_flags |= ssl.VerifyFlags(_NO_CHECK_TIME)
    return context

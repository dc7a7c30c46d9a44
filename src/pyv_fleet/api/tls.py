"""TLS at the API: the server's context, and the client's certificate brought into each request (STACK 5)."""

from __future__ import annotations

import asyncio
import ssl
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

CERTIFICATE_KEY: Final = "pyvorin.client_certificate"
"""Where the DER of the client's certificate stands in `scope["extensions"]`."""
_NO_CHECK_TIME: Final = 0x200000  # OpenSSL's X509_V_FLAG_NO_CHECK_TIME; Python's ssl does not name it


class CertificateProtocol(HttpToolsProtocol):
    """uvicorn's own, which also tells the app whose certificate the connection bears."""

    _certificate: bytes | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Read the certificate once a connection."""
        super().connection_made(transport)
        tls = transport.get_extra_info("ssl_object")
        self._certificate = tls.getpeercert(True) if tls is not None else None

    def on_message_begin(self) -> None:
        """Into the scope of each request on the connection."""
        super().on_message_begin()
        if self._certificate:
            self.scope.setdefault("extensions", {})[CERTIFICATE_KEY] = self._certificate  # type: ignore[assignment]


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

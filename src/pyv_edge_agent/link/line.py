"""One HTTPS connection to a controller: kept for the next request, and cut from any thread."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Mapping

from pyv_edge_agent.link.http import (
    STEP_SECONDS,
    USER_AGENT,
    WHOLE_SECONDS,
    Answer,
    answer_of,
    answers_within,
    checked,
    reason_of,
)
from pyv_edge_agent.link.interface import LinkError


class Line:
    """Requests one after another, from one thread. A connection that the server closed meanwhile is opened anew."""

    def __init__(self, url: str, tls: ssl.SSLContext) -> None:
        """LinkError if `url` is no https URL with a host."""
        self._url = checked(url)
        self._tls = tls
        self._lock = threading.Lock()
        self._connection: http.client.HTTPSConnection | None = None
        self._is_cut = False

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        limit_bytes: int,
        timeout_seconds: float = STEP_SECONDS,
    ) -> Answer:
        """The answer, 2xx or 304; HttpRefused for another status, LinkError if there is none, or the line was cut.

        What is asked must bear being asked twice: a kept connection may end just as the request goes out.
        """
        said = {"User-Agent": USER_AGENT, **(headers or {})}
        try:
            kept = self._connection is not None
            connection = self._open(timeout_seconds, limit_bytes)
            try:
                connection.request(method, path, body, said)
                response = connection.getresponse()
            except (ConnectionError, http.client.BadStatusLine):
                if not kept or self._is_cut:
                    raise
                self._drop()
                connection = self._open(timeout_seconds, limit_bytes)
                connection.request(method, path, body, said)
                response = connection.getresponse()
            return self._read(response, limit_bytes)
        except ssl.SSLCertVerificationError as why:
            self._drop()
            raise LinkError(f"{self}: its certificate does not hold: {why.verify_message}") from None
        except (OSError, ValueError, http.client.HTTPException) as why:
            self._drop()
            raise LinkError(f"{self}: {'cut' if self._is_cut else reason_of(why)}") from None

    def cut(self) -> None:
        """Whatever it waits for ends now, and no request is made any more. From any thread."""
        with self._lock:
            self._is_cut = True
            connection = self._connection
        standing = connection.sock if connection is not None else None
        if isinstance(standing, socket.socket):
            with contextlib.suppress(OSError):
                # not SSLSocket's own, which forgets the TLS state that the waiting thread reads by
                socket.socket.shutdown(standing, socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the connection; from the thread that asks."""
        self._drop()

    def _open(self, timeout_seconds: float, limit_bytes: int) -> http.client.HTTPSConnection:
        with self._lock:
            if self._is_cut:
                raise OSError("cut")
            if self._connection is None:
                self._connection = http.client.HTTPSConnection(
                    self._url.hostname or "", self._url.port or 443, timeout=STEP_SECONDS, context=self._tls
                )
            connection = self._connection
        if connection.sock is None:
            connection.connect()
            if self._is_cut:
                raise OSError("cut")
        connection.sock.settimeout(timeout_seconds)
        connection.response_class = answers_within(timeout_seconds + WHOLE_SECONDS, limit_bytes)
        return connection

    def _read(self, response: http.client.HTTPResponse, limit_bytes: int) -> Answer:
        try:
            return answer_of(response, limit_bytes)
        finally:
            if not response.isclosed():
                self._drop()  # more than was wanted is still on its way

    def _drop(self) -> None:
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def __str__(self) -> str:
        return f"https://{self._url.netloc}"

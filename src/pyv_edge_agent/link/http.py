"""HTTPS to the controller, with stdlib alone."""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

import msgspec

from pyv_edge_agent.link.interface import LinkError
from pyvorin_edge import wire
from pyvorin_edge.errors import WireError

USER_AGENT: Final = "Pyvorin-Edge/1.0"
STEP_SECONDS: Final = 10.0
#: For an answer from its first byte to its last, over a slow link too.
WHOLE_SECONDS: Final = 60.0
ANSWER_BYTES_MAX: Final = 1024 * 1024
HEAD_BYTES_MAX: Final = 64 * 1024
#: of what the controller says about a refusal: it goes into logs
_DETAIL_LETTERS_MAX: Final = 500


class HttpRefused(LinkError):
    """The controller answered, and not with what was asked for."""

    def __init__(self, status: int, detail: str, retry_after_seconds: float = 0.0) -> None:
        super().__init__(detail)
        self.status = status
        self.retry_after_seconds = retry_after_seconds


class Answer(msgspec.Struct, frozen=True):
    """A 2xx answer, or 304 to who asked with `If-None-Match`."""

    status: int
    body: bytes
    etag: str | None = None


class Https:
    """One controller, one request a connection, no redirects, bounded answers."""

    def __init__(self, url: str, tls: ssl.SSLContext) -> None:
        """LinkError if `url` is no https URL with a host."""
        self._url = checked(url)
        self._tls = tls

    def get(self, path: str, *, limit_bytes: int = ANSWER_BYTES_MAX) -> bytes:
        """The body of a 2xx answer; HttpRefused for another status, LinkError if there is none."""
        return self.request("GET", path, limit_bytes=limit_bytes).body

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        limit_bytes: int = ANSWER_BYTES_MAX,
    ) -> Answer:
        """One request; errors as in `get`."""
        port = self._url.port or 443
        connection = http.client.HTTPSConnection(
            self._url.hostname or "", port, timeout=STEP_SECONDS, context=self._tls
        )
        try:
            connection.response_class = answers_within(WHOLE_SECONDS, limit_bytes)
            connection.request(method, path, body, {"User-Agent": USER_AGENT, **(headers or {})})
            return answer_of(connection.getresponse(), limit_bytes)
        except ssl.SSLCertVerificationError as why:
            raise LinkError(f"{self}: its certificate does not hold: {why.verify_message}") from None
        except (OSError, ValueError, http.client.HTTPException) as why:
            raise LinkError(f"{self}: {reason_of(why)}") from None
        finally:
            connection.close()

    def __str__(self) -> str:
        return f"https://{self._url.netloc}"


def checked(url: str) -> SplitResult:
    """The URL's parts; LinkError if it is not https://host:port and nothing else."""
    try:
        parts = urlsplit(url)
        port_known = parts.port is None or parts.port > 0
    except ValueError:
        raise LinkError(f"{url!r} is no URL: write https://host:port") from None
    if parts.scheme != "https" or not parts.hostname or not port_known:
        raise LinkError(f"{url!r}: write https://host:port (a token must not travel in clear)")
    if parts.username or parts.path.strip("/") or parts.query:
        raise LinkError(f"https://{parts.hostname}…: only https://host:port, without login, path or query")
    return parts


def answers_within(seconds: float, body_bytes: int) -> type[http.client.HTTPResponse]:
    """What reads the answer to one request, whole within the time and about so many bytes.

    A socket's timeout is for each read alone: a byte now and then would hold who waits for ever. And a chunk of -1
    bytes is read by http.client to the end, however far that is.
    """
    until = time.monotonic() + seconds

    class Bounded(http.client.HTTPResponse):
        def __init__(self, sock: socket.socket, *args: Any, **more: Any) -> None:
            super().__init__(sock, *args, **more)
            raw = _Within(sock, self.fp.detach(), until, HEAD_BYTES_MAX + 2 * body_bytes)
            self.fp = io.BufferedReader(raw)

    return Bounded


def answer_of(response: http.client.HTTPResponse, limit_bytes: int) -> Answer:
    """What came; HttpRefused for a status that is neither 2xx nor 304, LinkError for more than `limit_bytes`."""
    body = response.read(limit_bytes + 1)
    if not 200 <= response.status < 300 and response.status != 304:
        detail = _detail_of(response.status, response.reason, body)
        raise HttpRefused(response.status, detail, _retry_after(response.headers.get("Retry-After")))
    if len(body) > limit_bytes:
        raise LinkError(f"the answer is larger than {limit_bytes} bytes")
    return Answer(response.status, body, response.headers.get("ETag"))


def _retry_after(said: str | None) -> float:
    """Seconds; a date, or nonsense, is as if nothing was said."""
    return float(said) if said is not None and said.isascii() and said.isdigit() and len(said) < 7 else 0.0


def _detail_of(status: int, reason: str, body: bytes) -> str:
    """The problem's own sentence (RFC 9457), if it is one."""
    try:
        problem = wire.loads_strict(body, limit_bytes=ANSWER_BYTES_MAX)
    except WireError:
        problem = None
    said = problem.get("detail") or problem.get("title") if isinstance(problem, dict) else None
    told = f"the controller answered {status} {reason}" + (f": {said}" if isinstance(said, str) else "")
    return " ".join(told[:_DETAIL_LETTERS_MAX].split())


def reason_of(why: Exception) -> str:
    """In words, as short as the system has them."""
    return getattr(why, "strerror", None) or str(why) or type(why).__name__


class _Within(io.RawIOBase):
    """What may still be read of a connection."""

    def __init__(self, connection: socket.socket, raw: io.RawIOBase, until: float, budget: int) -> None:
        self._connection = connection
        self._raw = raw
        self._step_seconds = connection.gettimeout() or STEP_SECONDS
        self._until = until
        self._budget = budget

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        self._connection.settimeout(min(left, self._step_seconds))
        with memoryview(buffer)[: self._budget] as room:
            count = self._raw.readinto(room) if room else 0
        self._budget -= count or 0
        return count or 0

    def close(self) -> None:
        self._raw.close()
        super().close()

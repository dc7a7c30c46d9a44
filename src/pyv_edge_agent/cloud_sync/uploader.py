"""Batches to the cloud over HTTP: `POST {batch_id, timestamp, count, items}` with a bearer key (PYVORIN-EDGE)."""

from __future__ import annotations

import contextlib
import http.client
import json
import logging
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from pyv_edge_agent.cloud_sync.answers import answer_of
from pyv_edge_agent.cloud_sync.interface import Answer, Outcome
from pyvorin_edge.vocabulary import UploadFailure

logger = logging.getLogger(__name__)

USER_AGENT: Final = "Pyvorin-Edge/1.0"
PIECE_BYTES: Final = 16 * 1024
#: Shorter than a batch's lease, so that nobody else sends the batch meanwhile.
SENDING_SECONDS_MAX: Final = 150.0


class HTTPCloudUploader:
    """One connection a batch, no redirects. `timeout` (seconds) bounds each step on the network."""

    def __init__(
        self,
        endpoint: str,
        api_key: str = "",
        timeout: float = 30.0,
        *,
        device_id: str = "device",
        ca_file: str | None = None,
        clock: Callable[[], float] = time.time,  # noqa: TID251 - the uploader's clock
    ) -> None:
        """ValueError for an endpoint that is no http or https URL, or a key that cannot stand in a header.

        `ca_file`: PEM of the CAs to trust instead of the system's.
        """
        self._url = urlsplit(endpoint)
        if self._url.scheme not in ("http", "https") or not self._url.hostname:
            raise ValueError("the endpoint must be an http or https URL with a host")
        if not api_key.isascii() or not api_key.isprintable():
            raise ValueError("the api_key holds characters that cannot stand in a header")
        self._api_key = api_key
        self._timeout_seconds = timeout
        self._device_id = device_id
        self._tls = ssl.create_default_context(cafile=ca_file) if self._url.scheme == "https" else None
        self._clock = clock
        self._unnamed: tuple[str, str] | None = None
        self._connection: http.client.HTTPConnection | None = None
        #: why the last batch was not taken; none after one that was
        self.last_error: str | None = None

    def post_batch(self, items: Sequence[Any]) -> bool:
        """Whether the other side answered 2xx. A `Batch` brings its batch_id; a plain list keeps one over retries."""
        return self.post(items).outcome is Outcome.TAKEN

    def post(self, items: Sequence[Any]) -> Answer:
        """The same with what it means and why (`answers`)."""
        batch_id = getattr(items, "batch_id", None) or self._name_for(items)
        document = {"batch_id": batch_id, "timestamp": self._clock(), "count": len(items), "items": list(items)}
        answer = self._try(json.dumps(document, separators=(",", ":")).encode("utf-8"))
        if answer.outcome is Outcome.TAKEN:
            self.last_error = None
            self._unnamed = None
        else:
            self.last_error = answer.reason
            logger.warning("batch %s was not taken: %s", batch_id, answer.reason)
        return answer

    def abort(self) -> None:
        """End the try under way, from another thread: it fails at once, unless it is still looking up the host."""
        connection = self._connection
        if connection is not None and connection.sock is not None:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    def _try(self, body: bytes) -> Answer:
        try:
            status, retry_after = self._post(body)
        except OSError as why:
            return Answer(Outcome.LATER, f"{type(why).__name__}: {why}", failure=_failure_of(why))
        except (http.client.HTTPException, ValueError) as why:  # their texts may show the URL
            said = f"{type(why).__name__}: the endpoint does not speak HTTP as it should"
            return Answer(Outcome.LATER, said, failure=UploadFailure.SERVER)
        return answer_of(status, retry_after, self._clock())

    def _post(self, body: bytes) -> tuple[int, str | None]:
        connection = self._connection = self._connect()
        try:
            target = (self._url.path or "/") + (f"?{self._url.query}" if self._url.query else "")
            headers = self._headers() | {"Content-Length": str(len(body))}
            # an early 413 ends the sending, not the exchange
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.request("POST", target, self._pieces(body), headers)
            response = connection.getresponse()
            return response.status, response.getheader("Retry-After")
        finally:
            self._connection = None
            connection.close()

    def _pieces(self, body: bytes) -> Iterator[bytes]:
        """So that the timeout is one of each piece: a slow link is not a dead one. But it ends before the lease."""
        began = time.monotonic()
        for start in range(0, len(body), PIECE_BYTES):
            if time.monotonic() - began > SENDING_SECONDS_MAX:
                raise TimeoutError(f"the link took more than {SENDING_SECONDS_MAX:.0f} s for one batch")
            yield body[start : start + PIECE_BYTES]

    def _connect(self) -> http.client.HTTPConnection:
        host = self._url.hostname or ""
        if self._tls is not None:
            return http.client.HTTPSConnection(host, self._url.port, timeout=self._timeout_seconds, context=self._tls)
        return http.client.HTTPConnection(host, self._url.port, timeout=self._timeout_seconds)

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "User-Agent": USER_AGENT}
        if self._api_key:
            headers["Authorization"] = f"Bearer {self._api_key}"
        return headers

    def _name_for(self, items: Sequence[Any]) -> str:
        content = json.dumps(list(items), sort_keys=True)
        if self._unnamed is None or self._unnamed[0] != content:
            self._unnamed = (content, f"pyv-{int(self._clock() * 1000)}-{self._device_id}")
        return self._unnamed[1]


def _failure_of(why: OSError) -> UploadFailure:
    match why:
        case TimeoutError():
            return UploadFailure.TIMEOUT
        case ssl.SSLError():
            return UploadFailure.TLS
        case _:
            return UploadFailure.NETWORK

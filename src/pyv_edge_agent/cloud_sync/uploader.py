"""Batches to the cloud over HTTP: `POST {batch_id, timestamp, count, items}` with a bearer key (PYVORIN-EDGE)."""

from __future__ import annotations

import http.client
import json
import logging
import ssl
import time
from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

logger = logging.getLogger(__name__)

USER_AGENT: Final = "Pyvorin-Edge/1.0"


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
        #: why the last batch was not taken; none after one that was
        self.last_error: str | None = None

    def post_batch(self, items: Sequence[Any]) -> bool:
        """Whether the other side answered 2xx. A `Batch` brings its batch_id; a plain list keeps one over retries."""
        batch_id = getattr(items, "batch_id", None) or self._name_for(items)
        document = {"batch_id": batch_id, "timestamp": self._clock(), "count": len(items), "items": list(items)}
        try:
            status = self._post(json.dumps(document, separators=(",", ":")).encode("utf-8"))
        except (OSError, http.client.HTTPException) as why:
            self.last_error = f"{type(why).__name__}: {why}"
        else:
            self.last_error = None if 200 <= status < 300 else f"the endpoint answered {status}"
        if self.last_error is not None:
            logger.warning("batch %s was not taken: %s", batch_id, self.last_error)
            return False
        self._unnamed = None
        return True

    def _post(self, body: bytes) -> int:
        connection = self._connect()
        try:
            target = (self._url.path or "/") + (f"?{self._url.query}" if self._url.query else "")
            connection.request("POST", target, body, self._headers())
            return connection.getresponse().status
        finally:
            connection.close()

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

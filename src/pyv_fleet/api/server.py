"""Listeners on one loop: the TLS one for everybody, the plain one for loopback; both serve the same app (STACK 5)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, Final

import uvicorn

from pyv_fleet.api.tls import CertificateProtocol

GOODBYE_SECONDS: Final = 2
BACKLOG: Final = 1024


class ListenerError(Exception):
    """An address that cannot be listened on; the message names it and says what to do."""


class _Server(uvicorn.Server):
    """uvicorn's, without its own signal handlers: who serves decides when to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are not ours."""
        yield


@dataclass
class Listener:
    """One address, bound at once so that a taken port is known before anything else starts."""

    app: Any
    host: str
    port: int
    tls: ssl.SSLContext | None = None
    _server: _Server | None = field(default=None, repr=False)
    _task: asyncio.Task[None] | None = field(default=None, repr=False)
    _socket: socket.socket | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """Where it answers."""
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{shown}:{self.port}"

    def bind(self) -> None:
        """Take the address; ListenerError if it is another's, or if a plain one is not on loopback."""
        if self.tls is None and not ip_address(self.host).is_loopback:
            raise ListenerError(f"{self.url}: without TLS only on loopback")
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        try:
            self._socket = socket.create_server((self.host, self.port), family=family, backlog=BACKLOG)
        except OSError as why:
            raise ListenerError(
                f"{self.url}: {why.strerror}; stop the program that holds it, or choose another port in fleet.toml"
            ) from None
        self.port = int(self._socket.getsockname()[1])

    async def start(self) -> None:
        """Answer from now on."""
        if self._socket is None:
            self.bind()
        assert self._socket is not None
        config = uvicorn.Config(
            self.app,
            http=CertificateProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=GOODBYE_SECONDS,
            h11_max_incomplete_event_size=16 * 1024,
            ssl_context_factory=(lambda _config, _default: self.tls) if self.tls is not None else None,  # type: ignore[arg-type, return-value]
        )
        self._server = _Server(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]), name=f"listener {self.url}")
        while not self._server.started:
            if self._task.done():
                await self._task
                raise ListenerError(f"{self.url}: the server ended at its start")
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """End: running answers have two seconds."""
        if self._socket is not None and self._server is None:
            self._socket.close()
        if self._server is not None:
            self._server.should_exit = True
        if self._task is not None:
            await self._task

"""Polls many devices' `/health` at addresses that an operator gave: httptools over asyncio (PROTOCOL 9).

One time limit for a whole exchange, a bounded answer, no redirects; each failure keeps its kind. An address that a
device names is never polled.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Final

import httptools

from pyv_fleet.core.polling import PollAddress
from pyv_fleet.core.words import PollFailure
from pyv_fleet.link.device_http import HEALTH_BYTES_MAX, Answer, PollError

HEAD_BYTES_MAX: Final = 16 * 1024
PIECE_BYTES: Final = 16 * 1024


async def poll_all(
    addresses: Sequence[PollAddress], *, seconds: float = 5.0, max_in_flight: int = 200, path: str = "/health"
) -> list[Answer | PollError]:
    """What each address answered, in order: a 200 with its body, or why there is none."""
    limit = asyncio.Semaphore(max_in_flight)

    async def one(address: PollAddress) -> Answer | PollError:
        async with limit:
            try:
                return await poll(address, seconds=seconds, path=path)
            except PollError as why:
                return why

    return list(await asyncio.gather(*(one(address) for address in addresses)))


async def poll(address: PollAddress, *, seconds: float = 5.0, path: str = "/health") -> Answer:
    """One GET within `seconds`, all told; PollError says how it failed."""
    answer = await exchange(address, b"GET", path, seconds=seconds, bytes_max=HEALTH_BYTES_MAX)
    if answer.status != 200:
        raise PollError(PollFailure.STATUS, f"HTTP {answer.status}")
    return answer


async def exchange(
    address: PollAddress,
    method: bytes,
    path: str,
    *,
    seconds: float,
    bytes_max: int,
    headers: Mapping[str, str] = MappingProxyType({}),
    body: bytes = b"",
) -> Answer:
    """One exchange within `seconds`, whatever its status; no redirects. PollError says how it failed."""
    try:
        async with asyncio.timeout(seconds):
            request = _request(address, method, path, headers, body)
            return await _exchange(address, request, bytes_max)
    except TimeoutError:
        raise PollError(PollFailure.TIMEOUT, f"no whole answer within {seconds:g} s") from None
    except ConnectionRefusedError:
        raise PollError(PollFailure.REFUSED, f"nothing listens at {address.host}:{address.port}") from None
    except httptools.HttpParserError as why:
        raise PollError(PollFailure.PROTOCOL, f"no HTTP: {type(why).__name__} {str(why)[:200]!r}") from None
    except (OSError, ValueError) as why:
        raise PollError(PollFailure.NETWORK, str(why)) from None


class _Reply:
    """What httptools calls back."""

    def __init__(self, bytes_max: int) -> None:
        self.body = bytearray()
        self._bytes_max = bytes_max
        self.head_done = False
        self.done = False
        #: the body ends by its own account, not with the connection
        self.framed = False

    def on_header(self, name: bytes, _value: bytes) -> None:
        self.framed = self.framed or name.lower() in (b"content-length", b"transfer-encoding")

    def on_headers_complete(self) -> None:
        self.head_done = True

    def on_body(self, piece: bytes) -> None:
        self.body += piece
        if len(self.body) > self._bytes_max:
            raise PollError(PollFailure.SIZE, f"more than {self._bytes_max} bytes")

    def on_message_complete(self) -> None:
        self.done = True


def _request(address: PollAddress, method: bytes, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    host = f"[{address.host}]" if ":" in address.host else address.host
    lines = {"Host": f"{host}:{address.port}", "Connection": "close", **headers}
    if body:
        lines["Content-Length"] = str(len(body))
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return method + f" {path} HTTP/1.1\r\n{head}\r\n".encode("ascii") + body


async def _exchange(address: PollAddress, request: bytes, bytes_max: int) -> Answer:
    context = _system_trust() if address.tls else None
    reader, writer = await asyncio.open_connection(address.host, address.port, ssl=context)
    try:
        writer.write(request)
        await writer.drain()
        return await _read(reader, bytes_max)
    finally:
        writer.transport.abort()


@cache
def _system_trust() -> ssl.SSLContext:
    """Reading the system's authorities takes longer than an exchange."""
    return ssl.create_default_context()


async def _read(reader: asyncio.StreamReader, bytes_max: int) -> Answer:
    reply = _Reply(bytes_max)
    parser = httptools.HttpResponseParser(reply)
    head_bytes = 0
    while not reply.done:
        piece = await reader.read(PIECE_BYTES)
        if not piece and reply.head_done and not reply.framed:
            break  # a body without a length ends with the connection
        if not piece:
            raise PollError(PollFailure.PROTOCOL, "the connection ended in the middle of the answer")
        head_bytes += 0 if reply.head_done else len(piece)
        if head_bytes > HEAD_BYTES_MAX + PIECE_BYTES:
            raise PollError(PollFailure.SIZE, f"headers of more than {HEAD_BYTES_MAX} bytes")
        _feed(parser, piece)
    return Answer(parser.get_status_code(), bytes(reply.body))


def _feed(parser: httptools.HttpResponseParser, piece: bytes) -> None:
    """A callback's own error comes wrapped."""
    try:
        parser.feed_data(piece)
    except httptools.HttpParserCallbackError as why:
        raise (why.__context__ if isinstance(why.__context__, PollError) else why) from None

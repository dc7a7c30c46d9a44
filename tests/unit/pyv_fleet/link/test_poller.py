"""Polling meets every kind of answer with its own name, and one bad device spoils no other."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trustme

from pyv_fleet.core.polling import PollAddress
from pyv_fleet.core.words import PollFailure
from pyv_fleet.link.device_http import Answer, PollError
from pyv_fleet.link.poller import poll_all


@asynccontextmanager
async def answering(data: bytes, *, hang: bool = False) -> AsyncIterator[PollAddress]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(data)
        if hang:
            await asyncio.sleep(30)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield PollAddress("127.0.0.1", server.sockets[0].getsockname()[1])
    finally:
        server.close()


def polled(data: bytes, *, hang: bool = False) -> Answer | PollError:
    async def run() -> Answer | PollError:
        async with answering(data, hang=hang) as address:
            return (await poll_all([address], seconds=0.3 if hang else 5))[0]

    return asyncio.run(run())


def head(length: int, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n".encode()


@pytest.mark.parametrize(
    "data",
    [
        head(2) + b"{}",
        b"HTTP/1.0 200 OK\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    ],
    ids=["length", "until-close", "chunked"],
)
def test_a_good_answer_in_each_framing(data: bytes) -> None:
    assert polled(data) == Answer(200, b"{}")


@pytest.mark.parametrize(
    ("data", "failure"),
    [
        (head(2, "503 Busy") + b"{}", PollFailure.STATUS),
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", PollFailure.STATUS),
        (head(65_537) + b"x" * 65_537, PollFailure.SIZE),
        (b"HTTP/1.1 200 OK\r\nA: " + b"x" * 100_000, PollFailure.SIZE),
        (b"SSH-2.0-OpenSSH\r\n", PollFailure.PROTOCOL),
        (head(10) + b"{}", PollFailure.PROTOCOL),
        (b"", PollFailure.PROTOCOL),
    ],
    ids=["503", "redirect", "large", "large-head", "ssh", "cut", "empty"],
)
def test_each_failure_keeps_its_name(data: bytes, failure: PollFailure) -> None:
    found = polled(data)
    assert isinstance(found, PollError)
    assert found.failure is failure


def test_a_device_that_never_ends_its_answer_is_a_timeout() -> None:
    found = polled(head(10) + b"{", hang=True)
    assert isinstance(found, PollError)
    assert found.failure is PollFailure.TIMEOUT


def test_nothing_listening_is_refused_and_others_answer() -> None:
    async def run() -> list[Answer | PollError]:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            nobody = PollAddress(*closed.getsockname())
        async with answering(head(2) + b"{}") as address:
            return await poll_all([nobody, address], seconds=5, max_in_flight=1)

    refused, good = asyncio.run(run())
    assert isinstance(refused, PollError)
    assert refused.failure is PollFailure.REFUSED
    assert good == Answer(200, b"{}")


def test_a_certificate_that_the_system_does_not_trust_is_no_answer() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)

    async def run() -> Answer | PollError:
        server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0, ssl=context)
        async with server:
            port = server.sockets[0].getsockname()[1]
            return (await poll_all([PollAddress("127.0.0.1", port, tls=True)], seconds=5))[0]

    found = asyncio.run(run())
    assert isinstance(found, PollError)
    assert found.failure is PollFailure.NETWORK
    assert "certificate" in str(found)

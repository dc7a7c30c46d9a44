"""A real HTTP server stands for Prometheus: whatever it does, there is a value or a sentence, within the time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from pyv_fleet.core.own_metrics import NoValue, values_of
from pyv_fleet.core.polling import PollAddress
from pyv_fleet.link.prometheus import ANSWER_BYTES_MAX, Prometheus

GOOD = {
    "status": "success",
    "data": {"resultType": "vector", "result": [{"metric": {"device_id": "FLEET-1"}, "value": [1, "0.5"]}]},
}


class Server:
    """Answers every request with the same bytes and remembers what was asked."""

    def __init__(self, answer: bytes, hang: bool) -> None:
        self.heads: list[str] = []
        self.bodies: list[str] = []
        self.address = PollAddress("127.0.0.1", 0)
        self._answer = answer
        self._hang = hang

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(line for line in head.splitlines() if line.startswith("Content-Length")).partition(": ")[2]
        self.heads.append(head)
        self.bodies.append((await reader.readexactly(int(length))).decode())
        writer.write(self._answer)
        if self._hang:
            await reader.read()  # until the other side has enough
        writer.close()


@asynccontextmanager
async def serving(answer: bytes, *, hang: bool = False) -> AsyncIterator[Server]:
    server = Server(answer, hang)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.address = PollAddress("127.0.0.1", listening.sockets[0].getsockname()[1])
    try:
        yield server
    finally:
        listening.close()


def http(body: bytes, status: str = "200 OK", more: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body


def asked(answer: bytes, *, hang: bool = False, **settings: Any) -> tuple[dict[str, Any] | str, Server]:
    async def run() -> tuple[dict[str, Any] | str, Server]:
        async with serving(answer, hang=hang) as server:
            prometheus = Prometheus(address=server.address, timeout_seconds=0.3 if hang else 5.0, **settings)
            try:
                return await prometheus.ask('up{device_id=~"a|b"}'), server
            except NoValue as why:
                return str(why), server

    return asyncio.run(run())


def test_a_query_is_posted_whole_to_the_api_under_its_prefix() -> None:
    found, server = asked(http(json.dumps(GOOD).encode()), prefix="/metrics")
    assert isinstance(found, dict)
    assert values_of(found) == {"FLEET-1": 0.5}
    assert server.heads[0].startswith("POST /metrics/api/v1/query HTTP/1.1\r\n")
    assert parse_qs(server.bodies[0]) == {"query": ['up{device_id=~"a|b"}']}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (http(b"", "302 Found", "Location: http://127.0.0.1/\r\n"), "HTTP 302"),
        (http(b"no", "500 Internal Server Error"), "HTTP 500"),
        (http(b"not json"), "no JSON"),
        (http(b"[" * 100_000), "no JSON"),
        (http(b"[1]"), "no JSON object"),
        (http(b"\xff\xfe"), "no JSON"),
        (b"SSH-2.0-OpenSSH\r\n", "no HTTP"),
        (b"", "ended in the middle"),
        (f"HTTP/1.1 200 OK\r\nContent-Length: {ANSWER_BYTES_MAX + 1}\r\n\r\n".encode() + b" " * (ANSWER_BYTES_MAX + 1),
         "too large"),
    ],
    ids=["redirect", "status", "no-json", "deep", "array", "no-text", "no-http", "nothing", "too-large"],
)  # fmt: skip
def test_each_failure_is_a_sentence(answer: bytes, why: str) -> None:
    found, _ = asked(answer)
    assert why in str(found)


def test_an_error_of_prometheus_own_is_told_by_its_words() -> None:
    error = {"status": "error", "errorType": "bad_data", "error": "parse error: unexpected end of input"}
    found, _ = asked(http(json.dumps(error).encode(), "400 Bad Request"))
    assert isinstance(found, dict)
    with pytest.raises(NoValue, match="unexpected end of input"):
        values_of(found)


def test_a_server_that_never_ends_its_answer_does_not_keep_us() -> None:
    found, _ = asked(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{", hang=True)
    assert "no whole answer within 0.3 s" in str(found)


def test_nobody_there_is_a_sentence() -> None:
    async def run() -> None:
        async with serving(b"") as server:
            address = server.address
        with pytest.raises(NoValue, match="nothing listens"):
            await Prometheus(address=address).ask("up")

    asyncio.run(run())


def test_a_token_comes_from_its_file_and_is_never_in_a_message(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("s3cret\n")
    _, server = asked(http(json.dumps(GOOD).encode()), token_file=token)
    token.write_text("s3cret\nsecond line")
    found, _ = asked(http(b"{}"), token_file=token)
    assert "Authorization: Bearer s3cret\r\n" in server.heads[0]
    assert (str(found).count("s3cret"), "one line with a token" in str(found)) == (0, True)

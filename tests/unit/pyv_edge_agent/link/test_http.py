"""HTTPS to the controller: bounded, to the server that we know, and what went wrong in one sentence."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyv_edge_agent.link import http
from pyv_edge_agent.link.http import HttpRefused, Https
from pyv_edge_agent.link.interface import LinkError
from pyvorin_edge import wire
from running.desk import Desk, open_desk
from running.stranger import Part, stranger


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with open_desk(tmp_path, "FLEET-0a1b2c3d4e5f") as serving:
        yield serving


@pytest.fixture
def https(desk: Desk) -> Https:
    return Https(desk.url, ssl.create_default_context(cadata=desk.server_ca_pem))


def test_the_body_of_a_good_answer_comes_whole(desk: Desk, https: Https) -> None:
    desk.answers["/v1/a"] = (200, b"content")
    assert https.get("/v1/a") == b"content"


def test_a_refusal_says_what_the_controller_said(desk: Desk, https: Https) -> None:
    with pytest.raises(HttpRefused, match="there is nothing here") as refused:
        https.get("/v1/b")
    assert refused.value.status == 404


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b'{"detail": 7}', b"\xff" * 100, b""])
def test_a_refusal_that_is_no_problem_document_still_names_its_status(desk: Desk, https: Https, body: bytes) -> None:
    desk.answers["/v1/a"] = (503, body)
    with pytest.raises(HttpRefused, match="503"):
        https.get("/v1/a")


def test_an_answer_beyond_the_limit_is_not_taken(desk: Desk, https: Https) -> None:
    desk.answers["/v1/a"] = (200, b"x" * 11)
    with pytest.raises(LinkError, match="larger than 10 bytes"):
        https.get("/v1/a", limit_bytes=10)


def test_no_redirect_is_followed(desk: Desk, https: Https) -> None:
    desk.answers["/v1/a"] = (302, b"")
    with pytest.raises(HttpRefused, match="302"):
        https.get("/v1/a")


def test_a_server_that_another_authority_vouches_for_is_not_spoken_to(desk: Desk) -> None:
    stranger = Https(desk.url, ssl.create_default_context())
    with pytest.raises(LinkError, match="certificate does not hold"):
        stranger.get("/v1/a")
    assert desk.asked == []


def test_nobody_there_is_said_with_the_address(desk: Desk) -> None:
    with pytest.raises(LinkError, match=r"https://127\.0\.0\.1:1: Connection refused"):
        Https("https://127.0.0.1:1", ssl.create_default_context()).get("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://edge.example",
        "edge.example:8443",
        "https://",
        "https://edge.example:0",
        "https://edge.example:x",
        "https://edge.example/path",
        "https://user:secret@edge.example",
        "https://edge.example?token=secret",
    ],
)
def test_only_https_with_a_host_and_nothing_else_is_an_address(url: str) -> None:
    with pytest.raises(LinkError) as refused:
        Https(url, ssl.create_default_context())
    assert "secret" not in str(refused.value)


def dripping(connection: ssl.SSLSocket) -> None:
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:  # until the client has enough of it
        connection.sendall(b"x")
        threading.Event().wait(0.05)


def dripping_head(connection: ssl.SSLSocket) -> None:
    connection.recv(4096)
    for letter in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000:
        connection.sendall(bytes([letter]))
        threading.Event().wait(0.05)


def endless_chunk(connection: ssl.SSLSocket) -> None:
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n")
    while True:
        connection.sendall(b"x" * 65536)


@pytest.mark.parametrize("part", [dripping, dripping_head])
def test_a_controller_that_answers_byte_by_byte_holds_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: Part
) -> None:
    monkeypatch.setattr(http, "WHOLE_SECONDS", 0.3)
    with stranger(tmp_path, part) as slow, pytest.raises(LinkError, match=r"too long|timed out"):
        Https(slow.url, slow.tls).get("/v1/a")


def test_a_chunk_without_end_is_not_read_to_its_end(tmp_path: Path) -> None:
    with stranger(tmp_path, endless_chunk) as flood, pytest.raises(LinkError):
        Https(flood.url, flood.tls).get("/v1/a", limit_bytes=1000)


def test_a_long_refusal_is_cut_to_one_line(desk: Desk, https: Https) -> None:
    desk.answers["/v1/a"] = (500, wire.encode({"detail": "very\n" * 10_000}))
    with pytest.raises(HttpRefused) as refused:
        https.get("/v1/a")
    assert len(str(refused.value)) < 600
    assert "\n" not in str(refused.value)

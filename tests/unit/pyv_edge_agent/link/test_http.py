"""HTTPS to the controller: bounded, to the server that we know, and what went wrong in one sentence."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyv_edge_agent.link.http import HttpRefused, Https
from pyv_edge_agent.link.interface import LinkError
from running.desk import Desk, open_desk


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

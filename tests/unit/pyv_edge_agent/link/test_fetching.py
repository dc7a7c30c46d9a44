"""What MQTT did not bring comes over HTTPS, from the first controller that has it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pyv_edge_agent.link import enrol
from pyv_edge_agent.link.fetching import fetch_topic
from pyv_edge_agent.link.interface import Credentials, Passport
from pyvorin_edge import topics
from pyvorin_edge.trust import Link as Whereabouts
from running.desk import Desk, open_desk

DEVICE = "FLEET-0a1b2c3d4e5f"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with open_desk(tmp_path, DEVICE) as serving:
        yield serving


@pytest.fixture
def passport(desk: Desk, tmp_path: Path) -> Passport:
    key = enrol.new_key_pem()
    (tmp_path / "key").write_bytes(key)
    (tmp_path / "pem").write_bytes(enrol.enrol(desk.url, desk.server_ca_pem, DEVICE, desk.token, key))
    return Passport(Credentials(tmp_path / "pem", tmp_path / "key"), desk.server_ca_pem)


@pytest.mark.parametrize(
    ("topic", "path"),
    [
        (topics.release("ab"), "/v1/releases/ab/envelope"),
        (topics.blob("cd"), "/v1/blobs/cd"),
        (topics.trust(3), "/v1/trust/3"),
    ],
)
def test_each_kind_has_its_path(desk: Desk, passport: Passport, topic: str, path: str) -> None:
    desk.answers[path] = (200, b"content")
    assert fetch_topic(Whereabouts(http=(desk.url,)), passport, topic) == b"content"


def test_a_controller_that_is_down_is_passed_over(desk: Desk, passport: Passport) -> None:
    desk.answers["/v1/blobs/cd"] = (200, b"content")
    where = Whereabouts(http=("https://127.0.0.1:1", desk.url))
    assert fetch_topic(where, passport, topics.blob("cd")) == b"content"


def test_nothing_is_none(desk: Desk, passport: Passport) -> None:
    assert fetch_topic(Whereabouts(http=(desk.url,)), passport, topics.blob("cd")) is None
    assert fetch_topic(Whereabouts(), passport, topics.blob("cd")) is None


def test_an_answer_beyond_the_limit_is_not_taken(desk: Desk, passport: Passport) -> None:
    desk.answers["/v1/blobs/cd"] = (200, b"x" * (64 * 1024 + 1))
    assert fetch_topic(Whereabouts(http=(desk.url,)), passport, topics.blob("cd")) is None

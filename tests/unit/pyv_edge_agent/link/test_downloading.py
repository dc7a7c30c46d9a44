"""Downloads: taken up where they broke off, never more than announced, told to stop at any time."""

from __future__ import annotations

import io
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyv_edge_agent.link.downloading import CHUNK_BYTES, Download, Left, path_of
from pyv_edge_agent.link.interface import LinkError
from running.desk import Desk, open_desk

CONTENT = bytes(range(256)) * 2048
PATH = path_of("a" * 64)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with open_desk(tmp_path, "FLEET-0a1b2c3d4e5f") as serving:
        serving.answers[PATH] = (200, CONTENT)
        yield serving


def download(desk: Desk, rate: int = 0, pieces: int = 1_000_000) -> Download:
    left = iter(range(pieces))
    tls = ssl.create_default_context(cadata=desk.server_ca_pem)
    return Download(desk.url, tls, bytes_per_second=lambda: rate, may_go_on=lambda: next(left, None) is not None)


def test_all_of_it_comes_and_progress_is_told(desk: Desk) -> None:
    told: list[int] = []
    into = io.BytesIO()
    download(desk).fetch(PATH, into, len(CONTENT), told.append)
    assert into.getvalue() == CONTENT
    assert told[-1] == len(CONTENT)
    assert told == sorted(told)


def test_what_broke_off_goes_on_where_it_was(desk: Desk) -> None:
    desk.cuts = [100_000]
    into = io.BytesIO()
    with pytest.raises(LinkError, match="broke off at 100000"):
        download(desk).fetch(PATH, into, len(CONTENT), lambda have: None)
    download(desk).fetch(PATH, into, len(CONTENT), lambda have: None)
    assert into.getvalue() == CONTENT
    assert desk.ranges == [None, "bytes=100000-"]


def test_a_server_that_knows_no_ranges_sends_it_anew(desk: Desk) -> None:
    desk.honours_ranges = False
    into = io.BytesIO(b"x" * 1000)
    download(desk).fetch(PATH, into, len(CONTENT), lambda have: None)
    assert into.getvalue() == CONTENT


def test_more_than_was_announced_is_not_taken(desk: Desk) -> None:
    into = io.BytesIO()
    download(desk).fetch(PATH, into, 1000, lambda have: None)
    assert into.getvalue() == CONTENT[:1000]


def test_what_lies_there_too_long_is_begun_anew(desk: Desk) -> None:
    into = io.BytesIO(b"x" * (len(CONTENT) + 1))
    download(desk).fetch(PATH, into, len(CONTENT), lambda have: None)
    assert into.getvalue() == CONTENT


def test_what_is_whole_is_not_asked_for(desk: Desk) -> None:
    download(desk).fetch(PATH, io.BytesIO(CONTENT), len(CONTENT), lambda have: None)
    assert desk.asked == []


def test_it_stops_when_told_and_keeps_what_it_has(desk: Desk) -> None:
    into = io.BytesIO()
    with pytest.raises(Left):
        download(desk, pieces=3).fetch(PATH, into, len(CONTENT), lambda have: None)
    assert 0 < len(into.getvalue()) <= 3 * CHUNK_BYTES
    assert CONTENT.startswith(into.getvalue())


def test_a_limit_makes_small_pieces_so_that_it_can_be_stopped_soon(desk: Desk) -> None:
    told: list[int] = []
    with pytest.raises(Left):
        download(desk, rate=2000, pieces=2).fetch(PATH, io.BytesIO(), len(CONTENT), told.append)
    assert told[0] <= 1000


def test_a_limit_that_changes_counts_from_the_next_piece_on(desk: Desk) -> None:
    told: list[int] = []
    limits = iter((0, 2000))
    tls, left = ssl.create_default_context(cadata=desk.server_ca_pem), iter(range(2))
    changing = Download(
        desk.url, tls, bytes_per_second=lambda: next(limits), may_go_on=lambda: next(left, None) is not None
    )
    with pytest.raises(Left):
        changing.fetch(PATH, io.BytesIO(), len(CONTENT), told.append)
    assert told[1] - told[0] <= 1000


def test_a_refusal_names_the_status(desk: Desk) -> None:
    with pytest.raises(LinkError, match="404"):
        download(desk).fetch(path_of("b" * 64), io.BytesIO(), 10, lambda have: None)


def test_another_authority_is_not_spoken_to(desk: Desk) -> None:
    stranger = Download(desk.url, ssl.create_default_context(), bytes_per_second=lambda: 0, may_go_on=lambda: True)
    with pytest.raises(LinkError, match="certificate does not hold"):
        stranger.fetch(PATH, io.BytesIO(), 10, lambda have: None)

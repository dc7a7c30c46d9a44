"""One kept connection: used again, opened anew when the server let it go, and cut from another thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyv_edge_agent.link.http import HttpRefused
from pyv_edge_agent.link.interface import Credentials, LinkError
from pyv_edge_agent.link.line import Line
from pyv_edge_agent.link.tls import client_context
from pyvorin_edge import topics
from running.broker import Doorway
from running.office import Office, office

DEVICE = "FLEET-0a1b2c3d4e5f"
DESIRED = f"/v1/devices/{DEVICE}/desired"


@pytest.fixture(scope="module")
def desk() -> Iterator[Office]:
    with office() as made:
        yield made


@pytest.fixture
def door(desk: Office) -> Iterator[Doorway]:
    made = Doorway(desk.address)
    made.open()
    yield made
    made.shut()


@pytest.fixture
def line(desk: Office, door: Doorway, tmp_path: Path) -> Iterator[Line]:
    certificate, key = desk.enrol(DEVICE)
    (tmp_path / "pem").write_bytes(certificate)
    (tmp_path / "key").write_bytes(key)
    tls = client_context([desk.server_ca_pem], Credentials(tmp_path / "pem", tmp_path / "key"))
    made = Line(f"https://{door.address}", tls)
    yield made
    made.close()


def test_a_connection_that_ended_meanwhile_is_opened_anew(line: Line, door: Doorway) -> None:
    first = line.request("GET", DESIRED, limit_bytes=10_000)
    door.shut()
    door.open()
    assert line.request("GET", DESIRED, limit_bytes=10_000) == first


def test_what_is_known_already_is_304(line: Line) -> None:
    first = line.request("GET", DESIRED, limit_bytes=10_000)
    again = line.request("GET", DESIRED, None, {"If-None-Match": first.etag or ""}, limit_bytes=10_000)
    assert (again.status, again.body, again.etag) == (304, b"", first.etag)


def test_more_than_the_limit_is_refused_and_the_next_request_is_not_spoilt(line: Line, desk: Office) -> None:
    desk.publish(topics.blob("ab"), b"x" * 2000, retain=True)
    with pytest.raises(LinkError, match="larger than 1000"):
        line.request("GET", "/v1/blobs/ab", limit_bytes=1000)
    assert line.request("GET", "/v1/blobs/ab", limit_bytes=2000).body == b"x" * 2000


def test_a_refusal_tells_how_long_to_stay_away(line: Line, desk: Office) -> None:
    for said, seconds in (("17", 17.0), ("soon", 0.0)):
        desk.instead["GET /v1/blobs/cd"] = (503, {"Retry-After": said})
        with pytest.raises(HttpRefused) as refused:
            line.request("GET", "/v1/blobs/cd", limit_bytes=1000)
        assert (refused.value.status, refused.value.retry_after_seconds) == (503, seconds)


def test_a_request_that_hangs_is_cut_from_another_thread(line: Line) -> None:
    etag = line.request("GET", DESIRED, limit_bytes=10_000).etag or ""
    threading.Timer(0.05, line.cut).start()
    began = time.monotonic()
    with pytest.raises(LinkError, match="cut"):
        line.request("GET", f"{DESIRED}?wait=55", None, {"If-None-Match": etag}, limit_bytes=10_000, timeout_seconds=60)
    assert time.monotonic() - began < 30
    with pytest.raises(LinkError, match="cut"):
        line.request("GET", DESIRED, limit_bytes=10_000)

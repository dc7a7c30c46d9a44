"""The typed client: structs out, one tree of errors with exit codes."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from pyv_fleet import client as c
from pyv_fleet.client import transport
from pyv_fleet.core.views import Problem, RemediateBody, RolloutSpec
from running.console import console
from running.faces import StandInDesk, device


def test_lists_go_on_page_by_page(tmp_path: Path) -> None:
    desk = StandInDesk(fleet_devices=[device(f"FLEET-{number:03d}") for number in range(7)])
    with console(tmp_path, desk) as here, c.FleetClient.at(here.home) as client:
        assert len(list(client.devices(limit=3))) == 7
        assert client.count_devices() == 7


def test_a_label_filter_reaches_the_store(tmp_path: Path) -> None:
    desk = StandInDesk()
    with console(tmp_path, desk) as here, c.FleetClient.at(here.home) as client:
        list(client.devices(label=["kind=real", "site=lab"]))
    assert desk.asked[0][2] == {"kind": "real", "site": "lab"}


def test_a_refused_field_is_named_in_the_error(tmp_path: Path) -> None:
    with console(tmp_path, StandInDesk()) as here, c.FleetClient.at(here.home) as client, pytest.raises(c.Refused) as e:
        client.create_rollout(RolloutSpec(channel="stable", release="1", reason=""))
    assert "reason" in e.value.errors[0]


@pytest.mark.parametrize(
    ("status", "kind", "exit_code"),
    [
        (400, c.Refused, 1),
        (401, c.NotAllowed, 4),
        (403, c.NotAllowed, 4),
        (404, c.NotFound, 5),
        (409, c.Conflict, 6),
        (422, c.Refused, 1),
        (429, c.Refused, 1),
        (500, c.ClientError, 1),
        (503, c.ClientError, 1),
        (504, c.TimedOut, 8),
    ],
)
def test_each_status_is_one_error_with_its_exit_code(status: int, kind: type[c.ClientError], exit_code: int) -> None:
    found = c.error_of(status, msgspec.json.encode(Problem(title="T", status=status, detail="d", errors=("e",))))
    assert (type(found), found.exit_code, str(found), found.errors) == (kind, exit_code, "T: d", ("e",))


def test_an_answer_that_is_no_problem_is_still_an_error_in_words() -> None:
    assert str(c.error_of(502, b"<html>")) == "the controller answered 502"


def test_a_controller_that_is_not_there_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "context.toml").write_text('api = "http://127.0.0.1:1"\n')
    (tmp_path / "token").write_text("x")
    with pytest.raises(c.NotReached, match="pyv-fleet serve"):
        c.FleetClient.at(tmp_path).fleet()


@pytest.mark.parametrize("text", ["", "api = 3", 'api = "ftp://x"', "api = "])
def test_a_context_that_cannot_be_used_names_its_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "context.toml").write_text(text)
    with pytest.raises(c.NoContext, match=r"context\.toml"):
        c.FleetClient.at(tmp_path)


def test_no_home_at_all_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(c.NoContext, match="fleet init"):
        c.FleetClient.at(tmp_path / "none")


@contextmanager
def breaking(times: int) -> Iterator[tuple[str, list[bytes]]]:
    """A server that hangs up on so many requests before it answers one; its address, and the keys it saw."""
    keys: list[bytes] = []

    class Line(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            head = {}
            while line := self.rfile.readline().strip():
                name, _, value = line.partition(b": ")
                head[name.lower()] = value
            self.rfile.read(int(head.get(b"content-length", b"0")))
            keys.append(head.get(b"idempotency-key", b""))
            if len(keys) > times:
                self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n[]")

    with socketserver.TCPServer(("127.0.0.1", 0), Line) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", keys
        finally:
            server.shutdown()
            thread.join()


def test_a_post_that_breaks_in_transit_is_sent_again_with_the_same_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "AGAIN_AFTER_SECONDS", (0.0, 0.0))
    with breaking(2) as (url, keys), c.FleetClient(url, "x") as client:
        assert client.remediate(RemediateBody(reason="x")) == []
        assert client.remediate(RemediateBody(reason="x")) == []
    assert len(keys) == 4
    assert len(set(keys[:3])) == 1
    assert keys[0] not in (b"", keys[3])


def test_a_post_that_always_breaks_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "AGAIN_AFTER_SECONDS", (0.0, 0.0))
    with breaking(9) as (url, keys), c.FleetClient(url, "x") as client, pytest.raises(c.NotReached):
        client.remediate(RemediateBody(reason="x"))
    assert len(keys) == 3

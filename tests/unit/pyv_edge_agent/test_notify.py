"""sd_notify: what a supervisor gets to read, on a socket with a name or an abstract one; without one, silence."""

from __future__ import annotations

import logging
import os
import re
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyv_edge_agent.notify import Notifier, Supervision, of_this_process, supervision_of


@pytest.fixture(params=["named", "abstract"])
def listening(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    said = str(tmp_path / "notify") if request.param == "named" else f"@{uuid.uuid4().hex}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind("\0" + said[1:] if said[0] == "@" else said)
        server.settimeout(5)
        yield server, said


def test_the_supervisor_reads_each_step(listening: tuple[socket.socket, str]) -> None:
    server, said = listening
    notifier = Notifier(supervision_of({"NOTIFY_SOCKET": said, "WATCHDOG_USEC": "3000000"}, 7))
    notifier.ready("FLEET-1: 1.0")
    notifier.reloading()
    notifier.alive("well")
    notifier.troubled("stuck: updater")
    notifier.stopping()
    assert server.recv(4096) == b"READY=1\nSTATUS=FLEET-1: 1.0"
    assert re.fullmatch(rb"RELOADING=1\nMONOTONIC_USEC=\d+", server.recv(4096))
    assert server.recv(4096) == b"WATCHDOG=1\nSTATUS=well"
    assert server.recv(4096) == b"STATUS=stuck: updater"
    assert server.recv(4096) == b"STOPPING=1\nSTATUS=stopping"


def test_a_status_is_one_short_line(listening: tuple[socket.socket, str]) -> None:
    server, said = listening
    Notifier(supervision_of({"NOTIFY_SOCKET": said}, 7)).alive("a\nWATCHDOG=1 " + "x" * 5000)
    text = server.recv(65536).decode()
    assert text.startswith("STATUS=a WATCHDOG=1 x")
    assert "\n" not in text
    assert len(text) < 300


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "²"}, None),
    ],
)
def test_the_watchdog_is_ours_only_if_it_names_us(environment: dict[str, str], seconds: float | None) -> None:
    found = supervision_of({"NOTIFY_SOCKET": "/run/x", **environment}, 7)
    assert found.watchdog_seconds == seconds


@pytest.mark.parametrize("said", ["", "@", "/", "vsock:2:1234", "relative/path"])
def test_an_address_that_is_none_means_that_nobody_listens(said: str) -> None:
    assert supervision_of({"NOTIFY_SOCKET": said, "WATCHDOG_USEC": "1000000"}, 7) == Supervision()


def test_a_supervisor_that_does_not_listen_is_told_of_once_and_harms_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    notifier = Notifier(Supervision(str(tmp_path / "nobody")))
    with caplog.at_level(logging.WARNING):
        notifier.ready("up")
        notifier.stopping()
    assert len(caplog.records) == 1


def test_this_process_reads_its_own_environment(
    listening: tuple[socket.socket, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, said = listening
    monkeypatch.setenv("NOTIFY_SOCKET", said)
    monkeypatch.setenv("WATCHDOG_USEC", "1000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    of_this_process().alive("well")
    assert server.recv(4096).startswith(b"WATCHDOG=1\n")

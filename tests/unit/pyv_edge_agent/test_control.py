"""The owner's socket: one line asks, one answers; who may not open it may not ask."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pyv_edge_agent.control import ControlError, ControlServer, NotRunning, ask

Verb = Callable[[Mapping[str, Any]], Any]


def _refuse(args: Mapping[str, Any]) -> None:
    raise ControlError("not today")


def _break(args: Mapping[str, Any]) -> None:
    raise RuntimeError("ours")


VERBS: dict[str, Verb] = {"echo": lambda args: dict(args), "refuse": _refuse, "break": _break}


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    deep = tmp_path / ("d" * 60) / ("e" * 60)  # beyond a socket's 108 bytes
    deep.mkdir(parents=True)
    server = ControlServer(deep / "agent.sock", VERBS)
    server.start()
    yield deep / "agent.sock"
    server.stop()


def test_a_question_is_answered_and_the_socket_is_its_owners_alone(path: Path) -> None:
    assert ask(path, "echo", {"version": "1.0"}) == {"version": "1.0"}
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_refusal_and_a_fault_are_told_and_the_next_is_answered(path: Path) -> None:
    with pytest.raises(ControlError, match="not today"):
        ask(path, "refuse")
    with pytest.raises(ControlError, match="it failed: ours"):
        ask(path, "break")
    with pytest.raises(ControlError, match="not understood"):
        ask(path, "fly")
    assert ask(path, "echo") == {}


@pytest.mark.parametrize("line", [b"\n", b"null\n", b"[]\n", b"\xff\n", b'{"verb": 1}\n'])
def test_nonsense_harms_nobody(path: Path, line: bytes) -> None:
    import os

    descriptor = os.open(path.parent, os.O_PATH)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(f"/proc/self/fd/{descriptor}/{path.name}")
        client.sendall(line)
        assert b'"ok": false' in client.recv(4096)
    os.close(descriptor)
    assert ask(path, "echo") == {}


def test_where_no_agent_runs_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match="pyv-edge-agent run"):
        ask(tmp_path / "agent.sock", "echo")
    with pytest.raises(NotRunning):
        ask(tmp_path / "missing" / "agent.sock", "echo")


def test_the_socket_of_a_killed_agent_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / "agent.sock").write_bytes(b"")
    server = ControlServer(tmp_path / "agent.sock", VERBS)
    server.start()
    assert ask(tmp_path / "agent.sock", "echo") == {}
    server.stop()
    assert not (tmp_path / "agent.sock").exists()

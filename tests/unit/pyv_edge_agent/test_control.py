"""The owner's socket: one line asks, one answers; who may not open it may not ask."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyv_edge_agent import control
from pyv_edge_agent.control import (
    ControlError,
    ControlServer,
    NoStateDirectory,
    NotAllowed,
    NotFound,
    NotRunning,
    TimedOut,
    UnknownVerb,
    ask,
)

Verb = Callable[[Mapping[str, Any]], Any]


def _refuse(args: Mapping[str, Any]) -> None:
    raise ControlError("not today")


def _lack(args: Mapping[str, Any]) -> None:
    raise NotFound("no such release")


def _hang(args: Mapping[str, Any]) -> None:
    raise TimeoutError("the agent did not get to it")


def _break(args: Mapping[str, Any]) -> None:
    raise RuntimeError("ours")


VERBS: dict[str, Verb] = {
    "echo": lambda args: dict(args),
    "refuse": _refuse,
    "break": _break,
    "lack": _lack,
    "hang": _hang,
}


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
    with pytest.raises(NotFound, match="no such release"):
        ask(path, "lack")
    with pytest.raises(TimedOut, match="did not get to it"):
        ask(path, "hang")
    assert ask(path, "echo") == {}


def test_a_question_that_the_agent_is_too_old_for_says_so(path: Path) -> None:
    with pytest.raises(UnknownVerb, match="older than this command and does not know `fly`"):
        ask(path, "fly")


def test_another_user_is_turned_away_whatever_the_files_permissions(tmp_path: Path) -> None:
    server = ControlServer(tmp_path / "agent.sock", VERBS, owner=4242)
    server._allowed.discard(0)  # as any user but root is seen
    server.start()
    with pytest.raises(NotAllowed, match="only the agent's own user and root"):
        ask(tmp_path / "agent.sock", "echo")
    server.stop()


@pytest.mark.parametrize("line", [b"\n", b"null\n", b"[]\n", b"\xff\n", b'{"verb": 1}\n', b"[" * 5000 + b"\n"])
def test_nonsense_is_answered_by_a_reason(path: Path, line: bytes) -> None:
    assert b"not understood" in _say(path, line)
    assert ask(path, "echo") == {}


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=300) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(repr).map(str.encode)
)
def test_whatever_is_said_the_parser_gives_a_question_or_a_reason(line: bytes) -> None:
    said = "not understood"
    try:
        verb, args = control._question_of(line)
        assert (type(verb), type(args)) == (str, dict)
    except ControlError as why:
        said = str(why)
    assert said.startswith("not understood")


def test_those_who_hang_keep_nobody_waiting_for_ever(tmp_path: Path) -> None:
    server = ControlServer(tmp_path / "agent.sock", VERBS, transfer_seconds=0.2)
    server.start()
    hanging = [_connected(tmp_path / "agent.sock") for _ in range(control.CLIENTS_MAX + 2)]
    assert ask(tmp_path / "agent.sock", "echo") == {}
    for client in hanging:
        client.close()
    server.stop()


def test_an_endless_question_is_cut_off(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "QUESTION_BYTES_MAX", 1000)
    with pytest.raises(ControlError, match="does not answer"):
        ask(path, "echo", {"version": "x" * 10_000_000})
    assert ask(path, "echo") == {}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
def test_who_may_not_enter_the_directory_is_told_as_whom_to_come(tmp_path: Path) -> None:
    place = tmp_path / "state"
    place.mkdir(mode=0o700)
    os.seteuid(65534)
    try:
        with pytest.raises(NotAllowed, match=r"use sudo|run this as root, with sudo"):
            ask(place / "agent.sock", "echo")
    finally:
        os.seteuid(0)


def test_an_agent_that_hangs_is_told_of_after_the_time(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(tmp_path / "agent.sock"))
        deaf.listen(1)
        with pytest.raises(TimedOut, match=r"does not answer within 0\.1 s: it hangs"):
            ask(tmp_path / "agent.sock", "echo", within_seconds=0.1)


def _connected(path: Path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    with control._near(path) as name:
        client.connect(name)
    return client


def _say(path: Path, line: bytes) -> bytes:
    with _connected(path) as client:
        client.sendall(line)
        return client.recv(4096)


def test_where_no_agent_runs_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match="pyv-edge-agent run"):
        ask(tmp_path / "agent.sock", "echo")
    with pytest.raises(NoStateDirectory, match="provision the device"):
        ask(tmp_path / "missing" / "agent.sock", "echo")
    (tmp_path / "file").touch()
    with pytest.raises(NoStateDirectory, match="no directory"):
        ask(tmp_path / "file" / "agent.sock", "echo")


def test_the_socket_of_a_killed_agent_is_taken_over(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(tmp_path / "agent.sock"))
    with pytest.raises(NotRunning):
        ask(tmp_path / "agent.sock", "echo")
    server = ControlServer(tmp_path / "agent.sock", VERBS)
    server.start()
    assert ask(tmp_path / "agent.sock", "echo") == {}
    server.stop()
    assert not (tmp_path / "agent.sock").exists()


def test_a_server_without_descriptors_answers_again_once_there_are_some(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "REST_SECONDS", 0.05)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    waiting = _connected(path)  # takes the accept that is under way
    taken: list[int] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))) + 8, hard))
    try:
        asking = [socket.socket(socket.AF_UNIX)]
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.dup(0))
        os.close(taken.pop())
        with control._near(path) as name:
            asking[0].connect(name)
        taken.append(os.dup(0))
        threading.Event().wait(0.2)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in taken:
            os.close(descriptor)
    assert ask(path, "echo") == {}
    waiting.close()
    asking[0].close()

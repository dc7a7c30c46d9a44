"""References on a device: files and credentials are read within limits, and what cannot be used says why."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pyv_edge_agent.state_dir import StateDir
from pyv_edge_agent.values import SECRET_BYTES_MAX, secrets_among, values_of
from pyvorin_edge.config.variables import Reference, Unavailable, references


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    (tmp_path / "state").mkdir()
    return StateDir(tmp_path / "state")


def secret(path: Path, data: bytes, mode: int = 0o600) -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    path.chmod(mode)
    return f"${{file:{path}}}"


def value(text: str, state: StateDir, process: dict[str, str] | None = None) -> str | Unavailable | None:
    (reference,) = references(text)
    return values_of((reference,), state, process or {}).get(reference.key)


def why(text: str, state: StateDir, process: dict[str, str] | None = None) -> str:
    found = value(text, state, process)
    assert isinstance(found, Unavailable)
    return found.why


@pytest.mark.parametrize(
    ("written", "read"),
    [(b"k", "k"), (b"k\n", "k"), (b"k\r\n", "k"), (b"k\n\n", "k\n"), (b" k ", " k "), (b"", ""), ("ü".encode(), "ü")],
)
def test_a_files_contents_are_its_value_without_one_last_newline(
    written: bytes, read: str, state: StateDir, tmp_path: Path
) -> None:
    assert value(secret(tmp_path / "key", written), state) == read


def test_a_file_that_is_not_there_is_absent_so_that_a_default_counts(state: StateDir, tmp_path: Path) -> None:
    assert value(f"${{file:{tmp_path}/gone}}", state) == Unavailable("is not there", absent=True)


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o644])
def test_a_file_that_others_may_read_or_write_is_no_secret(mode: int, state: StateDir, tmp_path: Path) -> None:
    assert "chmod o=" in why(secret(tmp_path / "key", b"k", mode), state)


def test_a_file_of_the_owner_and_his_group_is_taken(state: StateDir, tmp_path: Path) -> None:
    assert value(secret(tmp_path / "key", b"k", 0o640), state) == "k"


@pytest.mark.parametrize(
    ("data", "sentence"),
    [(b"\xff", "not UTF-8"), (b"a\0b", "holds a NUL"), (b"x" * (SECRET_BYTES_MAX + 1), "longer than 4096 bytes")],
)
def test_what_is_no_short_text_is_refused(data: bytes, sentence: str, state: StateDir, tmp_path: Path) -> None:
    assert sentence in why(secret(tmp_path / "key", data), state)


def test_neither_a_pipe_nor_a_device_nor_a_directory_makes_the_agent_wait(state: StateDir, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        assert why(f"${{file:{path}}}", state)


def test_the_agents_own_files_cannot_be_sent_anywhere_but_its_secrets_can(state: StateDir, tmp_path: Path) -> None:
    own = secret(state.root / "device.key", b"private")
    assert "the agent's own" in why(own, state)
    (tmp_path / "link").symlink_to(state.root / "device.key")
    assert "the agent's own" in why(f"${{file:{tmp_path}/link}}", state)
    assert "the agent's own" in why(f"${{file:{state.root}/secrets/../device.key}}", state)
    assert value(secret(state.secrets / "key", b"k"), state) == "k"


def test_a_credential_is_a_file_of_the_services_directory_whatever_its_mode(state: StateDir, tmp_path: Path) -> None:
    secret(tmp_path / "credentials" / "api_key", b"k\n", 0o444)
    process = {"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}
    assert value("${credential:api_key}", state, process) == "k"
    assert value("${credential:other}", state, process) == Unavailable("is not there", absent=True)


def test_without_systemd_a_credential_is_absent(state: StateDir) -> None:
    found = value("${credential:api_key}", state)
    assert isinstance(found, Unavailable)
    assert found.absent
    assert "LoadCredential=" in found.why


def test_variables_come_from_the_process_and_before_it_from_the_env_file(state: StateDir) -> None:
    state.env.write_text("A=file\n")
    assert value("${A}", state, {"A": "process"}) == "file"
    assert value("${B}", state, {"B": "process"}) == "process"
    assert value("${C}", state) is None


def test_no_variable_can_pose_as_a_file(state: StateDir) -> None:
    assert isinstance(value("${file:/gone}", state, {"file:/gone": "x"}), Unavailable)


def test_a_broken_env_file_is_told_where_a_variable_is_asked_for(state: StateDir) -> None:
    state.env.write_text("nonsense\n")
    assert "line 1 is no KEY=VALUE" in why("${A:-d}", state)
    assert values_of((), state, {}) == {}


def test_files_credentials_and_variables_under_a_secret_key_are_secret() -> None:
    asked = references(
        {"api_key": "${A}", "endpoint": "${B}", "unit": "${file:/f}", "x": "${credential:c}", "y": "${D}"}
    )
    assert {one.name for one in asked} == {"A", "B", "/f", "c", "D"}
    values = {"A": "a", "B": "b", "file:/f": "f", "credential:c": Unavailable("is not there")}
    assert secrets_among(asked, values) == ["a", "f"]
    assert secrets_among([Reference("/api_key", "N", None)], values) == []

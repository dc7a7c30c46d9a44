"""Values for `${VAR}`: the env file's go before the process's, and a line that is none is named, never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyv_edge_agent.state_dir import EnvFileError, StateDir, environment_of


def test_every_file_lies_in_the_directory(tmp_path: Path) -> None:
    place = StateDir(tmp_path)
    assert place.config == tmp_path / "config.toml"
    assert place.credentials.key == tmp_path / "device.key"


def test_the_env_file_goes_before_the_process(tmp_path: Path) -> None:
    path = tmp_path / "env"
    path.write_text("# a comment\n\nAPI_KEY=abc=def\nexport NAME='two words'\nEMPTY=\n")
    found = environment_of(path, {"API_KEY": "old", "HOME": "/root"})
    assert found == {"API_KEY": "abc=def", "NAME": "two words", "EMPTY": "", "HOME": "/root"}


def test_without_a_file_it_is_the_process_alone(tmp_path: Path) -> None:
    assert environment_of(tmp_path / "env", {"A": "1"}) == {"A": "1"}


@pytest.mark.parametrize("line", ["secret", "=secret", "a-b=secret", "1=secret"])
def test_a_line_that_is_none_is_named_by_number_and_not_shown(tmp_path: Path, line: str) -> None:
    (tmp_path / "env").write_text(f"A=1\n{line}\n")
    with pytest.raises(EnvFileError, match="line 2 is no KEY=VALUE") as seen:
        environment_of(tmp_path / "env", {})
    assert "secret" not in str(seen.value)


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "env").write_bytes(b"\xff\xfe")
    with pytest.raises(EnvFileError, match="cannot be read"):
        environment_of(tmp_path / "env", {})

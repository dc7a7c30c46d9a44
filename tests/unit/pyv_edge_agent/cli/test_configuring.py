"""`config`: every problem with its place, no secret shown, and exit codes for scripts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from pyv_edge_agent.cli import main
from pyv_edge_agent.config import Config

GOOD = '[cloud]\nenabled = true\nendpoint = "https://h/?k=${file:%s}"\napi_key = "${API_KEY}"\n'


def run(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, ["config", *words], env={"PYV_EDGE_STATE_DIR": "/nonexistent"})
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result.output


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state directory with a good config, its variable and its file."""
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "key").write_text("hunter22\n")
    (tmp_path / "secrets" / "key").chmod(0o600)
    (tmp_path / "env").write_text("API_KEY=hunter33\n")
    (tmp_path / "config.toml").write_text(GOOD % (tmp_path / "secrets" / "key"))
    return tmp_path


def test_a_good_file_is_valid_anywhere_and_on_this_device(state: Path) -> None:
    assert "config.toml: valid" in run("check", str(state / "config.toml"))
    assert json.loads(run("check", "--effective", "--json", "--state-dir", str(state)))["valid"] is True


def test_all_problems_are_told_with_path_and_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text('[health]\nport = 0\n[cloud]\napi_key = "${"\nendpiont = ""\n')
    assert [line.split(": ")[1] for line in run("check", str(path), code=1).splitlines()] == [
        "line 2, /health/port",
        "line 4, /cloud/api_key",
        "line 5, /cloud/endpiont",
    ]
    found = json.loads(run("check", str(path), "--json", code=1))
    assert (found["problems"][0]["path"], found["problems"][0]["line"]) == ("/health/port", 2)
    assert found["valid"] is False


def test_a_syntax_error_has_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text('{\n "a": ,\n}')
    (found,) = json.loads(run("check", str(path), "--json", code=1))["problems"]
    assert (found["line"], found["column"]) == (2, 7)


def test_what_this_device_lacks_is_told_only_when_asked(state: Path) -> None:
    (state / "env").unlink()
    run("check", "--state-dir", str(state))
    assert "line 4, /cloud/api_key: variable API_KEY is not set" in run(
        "check", "--effective", "--state-dir", str(state), code=1
    )


def test_no_secret_is_shown_in_any_form(state: Path) -> None:
    for words in (("show",), ("show", "--json"), ("show", "--effective"), ("show", "--effective", "--json")):
        shown = run(*words, "--state-dir", str(state))
        assert "hunter" not in shown
    assert "${API_KEY}" in run("show", "--state-dir", str(state))
    assert json.loads(run("show", "--effective", "--json", "--state-dir", str(state)))["health"]["port"] == 8080


def test_the_hash_is_that_of_the_declared_document(state: Path) -> None:
    expected = Config.from_file(state / "config.toml").declared_hash()
    assert run("hash", str(state / "config.toml")).strip() == expected
    assert json.loads(run("hash", "--json", "--state-dir", str(state)))["config_hash"] == expected


def test_the_schema_is_json_and_knows_every_section() -> None:
    schema = json.loads(run("schema"))
    assert schema["$schema"].endswith("2020-12/schema")
    assert {"sensors", "cloud", "update"} <= schema["properties"].keys()


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    assert "cannot be read" in run("check", str(tmp_path / "gone.toml"), code=1)
    assert "cannot be read" in run("show", str(tmp_path), code=1)

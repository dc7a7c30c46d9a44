"""The command line: a user's mistake is one line and a non-zero exit; what is asked for as JSON is JSON."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pyv_edge_agent.cli import main
from pyvorin_edge import wire
from pyvorin_edge.report import Join, JoinLink
from running.desk import Desk, open_desk

DEVICE = "FLEET-2a4da0fe0c19"
JOIN = Join(
    v=1, fleet="acme", trust_anchor="ab" * 32, trust=(), assignment="{}", incarnation=1, epoch=0, generation=0,
    number=1, link=JoinLink(mqtt=("h:1",), http=(), ca_pem=()),
)  # fmt: skip


def run(*words: str, code: int = 0, given: str | None = None) -> Result:
    result = CliRunner().invoke(main, list(words), input=given)
    assert result.exit_code == code, f"{result.exit_code}: {result.output}"
    assert "Traceback" not in result.output
    return result


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with open_desk(tmp_path / "desk", DEVICE) as serving:
        serving.answers[f"/v1/devices/{DEVICE}/join"] = (200, wire.encode(JOIN))
        yield serving


@pytest.fixture
def provision(desk: Desk, tmp_path: Path) -> Callable[..., Result]:
    words = ["--out", str(tmp_path / "state"), "--api", desk.url, "--token-file", "-", "--device-id", DEVICE]
    return lambda *more, code=0: run("provision", *words, *more, code=code, given=desk.token.text + "\n")


def test_one_command_makes_a_device_and_a_second_changes_nothing(
    provision: Callable[..., Result], tmp_path: Path
) -> None:
    said = json.loads(provision("--json", "--set", "sensors.poll_interval_seconds=2.0").output)
    assert said["device_id"] == DEVICE
    config = tomllib.loads((tmp_path / "state" / "config.toml").read_text())
    assert config["sensors"]["poll_interval_seconds"] == 2.0
    assert json.loads(provision("--json").output)["written"] == []
    assert "everything stood already" in provision().output


def test_a_serial_becomes_the_id(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(desk.token.text)
    words = ["--out", str(tmp_path / "state"), "--api", desk.url, "--token-file", str(tmp_path / "token")]
    said = run("provision", *words, "--serial", "demo-1", "--prefix", "P", code=1)
    assert "P-" in said.output  # the desk enrols one id alone, and says so
    assert "401" in said.output


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("--set", "health.port=99999"), "/health/port"),
        (("--set", "nonsense"), "key.path=value"),
        (("--set", "a.b.c=1"), "/a"),
        (("--serial", "x"), "not both"),
    ],
)
def test_wrong_words_are_named_and_nothing_is_made(
    provision: Callable[..., Result], tmp_path: Path, words: tuple[str, ...], names: str
) -> None:
    said = provision(*words, code=2 if "--serial" in words else 1)
    assert names in said.output
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("token", ["", "pyv1.short", "\x00\xff"])
def test_what_is_no_token_is_never_repeated(desk: Desk, tmp_path: Path, token: str) -> None:
    words = ["--out", str(tmp_path / "state"), "--api", desk.url, "--token-file", "-", "--device-id", DEVICE]
    said = run("provision", *words, code=1, given=token).output
    assert "no enrolment token" in said
    assert desk.asked == []


def test_bad_ids_addresses_and_files_are_one_line(tmp_path: Path) -> None:
    base = ["--out", str(tmp_path / "state"), "--token-file", "-"]
    assert "device id 'a/b'" in run("provision", *base, "--api", "https://h", "--device-id", "a/b", code=1).output
    placeholder = run("provision", *base, "--api", "https://h", "--serial", "0000", code=1).output
    assert "placeholder" in placeholder
    token = "pyv1." + "a" * 43 + "." + "0" * 64
    plain = CliRunner().invoke(main, ["provision", *base, "--api", "http://h", "--device-id", "d"], input=token)
    assert (plain.exit_code, "https://" in plain.output) == (1, True)


def test_the_version_is_the_distributions(tmp_path: Path) -> None:
    said = json.loads(run("version", "--json").output)
    assert said["version"] == run("version").output.strip()
    assert (said["speaks"], said["code"], said["bundle"]) == ([1], "installed", None)


def test_the_version_of_code_out_of_a_bundle_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYV_EDGE_SLOT", "ab" * 32)
    monkeypatch.setenv("PYV_EDGE_BUNDLE", "agent@1.2")
    said = json.loads(run("version", "--json").output)
    assert (said["code"], said["bundle"], said["slot"]) == ("bundle", "agent@1.2", "ab" * 32)


def test_alone_it_shows_its_help_and_an_unknown_word_is_usage() -> None:
    assert "provision" in run().output
    assert "No such command" in run("fly", code=2).output
    assert "to `status` itself" in run("--config", "x", "status", code=2).output


def test_running_without_a_config_or_with_a_broken_one_is_one_line(tmp_path: Path) -> None:
    assert "there is no config at" in run("run", "--state-dir", str(tmp_path / "a"), code=1).output
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "config.toml").write_text("[health]\nport = 99999\n")
    said = run("run", "--state-dir", str(tmp_path / "b"), code=1).output
    assert "/health/port" in said
    (tmp_path / "b" / "env").write_text("nonsense\n")
    assert "line 1 is no KEY=VALUE" in run("run", "--state-dir", str(tmp_path / "b"), code=1).output


def test_health_on_another_address_must_be_asked_for_in_so_many_words(tmp_path: Path) -> None:
    said = run("run", "--state-dir", str(tmp_path), "--health-host", "0.0.0.0", code=2).output
    assert "--health-allow-remote" in said

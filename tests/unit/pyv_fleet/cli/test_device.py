"""`pyv-fleet device`: one device asked from here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from running.console import console
from running.faces import StandInDesk


def answering(outcome: str = "done", **body: Any) -> StandInDesk:
    return StandInDesk(response={"outcome": outcome, "code": None, "body": body})


def test_logs_are_their_lines_and_cannot_move_the_cursor(tmp_path: Path) -> None:
    desk = answering(lines=["one", "\x1b[2Jtwo"])
    with console(tmp_path, desk) as here:
        done = here("device", "ask", "FLEET-1", "logs", "--lines", "2")
    assert done.stdout.splitlines() == ["one", "\ufffd[2Jtwo"]
    assert desk.asked == [("request", "FLEET-1", "logs", {"lines": 2})]


def test_a_snapshot_is_the_config_alone(tmp_path: Path) -> None:
    with console(tmp_path, answering(config={"a": 1}, live_hash="x")) as here:
        assert json.loads(here("device", "ask", "FLEET-1", "snapshot").stdout) == {"a": 1}


def test_json_is_the_whole_answer(tmp_path: Path) -> None:
    with console(tmp_path, answering(lines=["one"])) as here:
        assert here.json("device", "ask", "FLEET-1", "logs")["body"] == {"lines": ["one"]}


@pytest.mark.parametrize("outcome", ["refused", "failed"])
def test_an_answer_that_is_no_success_is_an_error_with_the_devices_words(tmp_path: Path, outcome: str) -> None:
    with console(tmp_path, answering(outcome, detail="the live file cannot be read")) as here:
        done = here("device", "ask", "FLEET-1", "snapshot")
    assert (done.exit_code, done.stdout) == (1, "")
    assert f"FLEET-1: {outcome}: the live file cannot be read" in done.stderr


@pytest.mark.parametrize("words", [("remediate",), ("snapshot", "--lines", "3"), ("logs", "--lines", "0")])
def test_what_cannot_be_asked_is_a_usage_error(tmp_path: Path, words: tuple[str, ...]) -> None:
    with console(tmp_path, answering()) as here:
        assert here("device", "ask", "FLEET-1", *words).exit_code == 2


def test_provisioning_wants_exactly_one_name(tmp_path: Path) -> None:
    with console(tmp_path / "home", StandInDesk()) as here:
        out = ("--out", str(tmp_path / "dev"))
        both = here("device", "provision", "--serial", "a", "--device-id", "b", *out)
        neither = here("device", "provision", *out)
    assert (both.exit_code, neither.exit_code) == (2, 2)


def test_provisioning_keeps_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "device.key").write_text("mine")
    with console(tmp_path / "home", StandInDesk()) as here:
        done = here("device", "provision", "--serial", "a", "--out", str(tmp_path / "dev"))
    assert (done.exit_code, "not empty" in done.stderr) == (1, True)

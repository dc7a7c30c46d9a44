"""The CLI as scripts and people use it: data on stdout, talk on stderr, exit codes."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from pyv_fleet.core.words import RolloutState
from pyv_fleet.main import COMMANDS, cli
from pyvorin_edge.vocabulary import Connectivity
from running.console import console
from running.faces import StandInDesk, device, rollout


def test_the_list_of_commands_loads_none_of_them() -> None:
    loaded = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "from pyv_fleet.main import cli; cli(['--help'])"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert all(name in loaded.stdout for name in COMMANDS)
    for heavy in ("httpx", "rich", "litestar", "sqlalchemy", "cryptography", "msgspec", "pyv_fleet.cli.device"):
        assert f"| {heavy}\n" not in loaded.stderr.replace("  ", ""), heavy


def test_the_help_comes_at_once() -> None:
    def seconds() -> float:
        began = time.monotonic()
        subprocess.run([sys.executable, "-c", "from pyv_fleet.main import main; main()", "--help"], check=True,
                       capture_output=True)  # fmt: skip
        return time.monotonic() - began

    assert min(seconds() for _ in range(3)) < 0.5


@pytest.mark.parametrize("noun", [name for name in COMMANDS if name not in ("demo", "simulate", "serve")])
def test_every_command_explains_itself(noun: str) -> None:
    done = CliRunner().invoke(cli, [noun, "--help"])
    assert done.exit_code == 0
    assert done.output.startswith("Usage:")


def test_one_list_in_four_forms(tmp_path: Path) -> None:
    with console(tmp_path, StandInDesk()) as here:
        table = here("device", "list").stdout.splitlines()
        rows = list(csv.DictReader(io.StringIO(here("device", "list", "-o", "csv").stdout)))
        as_json = json.loads(here("device", "list", "-o", "json").stdout)
        as_yaml = yaml.safe_load(here("device", "list", "-o", "yaml").stdout)
    assert table[0].split()[:2] == ["device", "channel"]
    assert [row["device"] for row in rows] == ["FLEET-1", "FLEET-2"]
    assert as_json == as_yaml
    assert [one["device_id"] for one in as_json["items"]] == ["FLEET-1", "FLEET-2"]


def test_what_a_device_says_cannot_move_the_cursor(tmp_path: Path) -> None:
    desk = StandInDesk(fleet_devices=[device("FLEET-1", agent_version="\x1b[2Jgone")])
    with console(tmp_path, desk) as here:
        assert "\x1b" not in here("device", "show", "FLEET-1").stdout


@pytest.mark.parametrize(
    ("words", "scope", "code"),
    [
        (("device", "show", "NOPE"), "read", 5),
        (("rollout", "create", "--channel", "a", "--release", "1", "--reason", "x"), "read", 4),
        (("device", "list", "--connectivity", "asleep"), "read", 2),
        (("device", "list", "--label", "nope"), "read", 2),
        (("device", "list", "-o", "xml"), "read", 2),
        (("nope",), "read", 2),
    ],
)
def test_what_went_wrong_is_an_exit_code_and_a_sentence(
    tmp_path: Path, words: tuple[str, ...], scope: str, code: int
) -> None:
    with console(tmp_path, StandInDesk(), scope) as here:
        done = here(*words)
    assert (done.exit_code, done.stdout) == (code, "")
    assert "Error: " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_rollout_that_reverted_exits_7_and_says_why_in_one_sentence(tmp_path: Path) -> None:
    desk = StandInDesk()
    with console(tmp_path, desk) as here:
        done = here("rollout", "watch", "-o", "json", "r-1")
    assert done.exit_code == 7
    assert json.loads(done.stdout)["state"] == "reverted"
    assert rollout().because in done.stderr


def test_a_rollout_that_completed_exits_0(tmp_path: Path) -> None:
    desk = StandInDesk(fleet_rollouts=[rollout(state=RolloutState.COMPLETED, because="every wave was good")])
    with console(tmp_path, desk) as here:
        assert here("rollout", "watch").exit_code == 0


def test_a_rollout_that_does_not_end_exits_8_and_says_how_to_go_on(tmp_path: Path) -> None:
    desk = StandInDesk(fleet_rollouts=[rollout(state=RolloutState.ROLLING)])
    with console(tmp_path, desk) as here:
        done = here("rollout", "watch", "--timeout", "0")
    assert done.exit_code == 8
    assert "pyv-fleet rollout watch r-1" in done.stderr


def test_health_shows_the_articles_figures_and_who_needs_attention(tmp_path: Path) -> None:
    with console(tmp_path, StandInDesk()) as here:
        text = here("health").stdout
        figures = here.json("health")
    assert "FLEET-2: silent for 3 beats" in text
    assert figures["healthy_count"] == 2


def test_drift_check_exits_3_only_if_someone_drifted(tmp_path: Path) -> None:
    desk = StandInDesk()
    with console(tmp_path, desk) as here:
        assert here("drift", "check").exit_code == 0
        desk.drifted.append(device("FLEET-1", paths=("/a",)).drift)
        assert here("drift", "check").exit_code == 3


def test_an_act_on_many_asks_for_the_count_and_without_a_terminal_wants_it_said(tmp_path: Path) -> None:
    desk = StandInDesk()
    desk.drifted.append(device("FLEET-1").drift)
    with console(tmp_path, desk) as here:
        act = ("drift", "remediate", "--reason", "x")
        assert here(*act).exit_code == 2
        assert here(*act, "--yes").exit_code == 2
        assert here(*act, "--yes", "--expect-count", "2").exit_code == 6
        assert desk.asked == []
        assert here(*act, "--yes", "--expect-count", "1").exit_code == 0
    assert desk.asked == [("remediate", ("FLEET-1",), "x")]


def test_a_rollback_says_how_many_and_how_fast_and_9_names_the_missing(tmp_path: Path) -> None:
    desk = StandInDesk()
    act = ("rollback", "--to", "1.0", "--all", "--reason", "x", "--yes", "--expect-count", "2")
    with console(tmp_path, desk) as here:
        done = here(*act)
        assert done.exit_code == 0
        assert "0.40" in done.stdout
        desk.missing = ("FLEET-2",)
        done = here(*act, "--timeout", "0")
    assert done.exit_code == 9
    assert "FLEET-2  failed: gate (temp-01 is silent)" in done.stderr


def test_a_rollback_shows_what_it_resolved_to_and_a_selection_reaches_the_controller(tmp_path: Path) -> None:
    desk = StandInDesk()
    act = ("rollback", "--to", "1.0", "-l", "site=berlin,munich", "-l", "kind=real", "--reason", "x", "--yes")
    with console(tmp_path, desk) as here:
        done = here(*act, "--expect-count", "2")
        assert here(*act, "--expect-count", "3").exit_code == 6
    assert done.exit_code == 0
    assert "channel stable: 2 on 1.1 → 1.0" in done.stderr
    assert desk.asked[0][1].labels == {"site": ("berlin", "munich"), "kind": ("real",)}
    assert [one[1].dry_run for one in desk.asked] == [True, False, True]


def test_a_rollback_in_jsonl_has_a_line_for_each_acknowledgement(tmp_path: Path) -> None:
    act = ("rollback", "--to", "1.0", "--all", "--reason", "x", "--yes", "--expect-count", "2", "-o", "jsonl")
    with console(tmp_path, StandInDesk()) as here:
        lines = [json.loads(line) for line in here(*act).stdout.splitlines()]
    assert [line["event"] for line in lines] == ["ordered", "acknowledged", "acknowledged", "ended"]
    assert lines[1]["device"]["device_id"] == "FLEET-1"


def test_rollbacks_are_listed_watched_and_reported(tmp_path: Path) -> None:
    desk = StandInDesk(missing=("FLEET-2",))
    with console(tmp_path, desk) as here:
        assert "b-1" in here("rollback", "list").stdout
        assert here("rollback", "watch", "last").exit_code == 9
        assert "| FLEET-2 | stable | failed: gate" in here("rollback", "report", "last").stdout
        assert here("rollback", "report", "b-1", "--report", str(tmp_path / "report.json")).exit_code == 0
        assert here("rollback", "--to", "1.0", "list").exit_code == 2
    found = json.loads((tmp_path / "report.json").read_text())
    assert [one["standing"] for one in found["devices"]] == ["back", "failed"]


def test_a_token_goes_to_a_private_file_and_not_to_the_terminal(tmp_path: Path) -> None:
    with console(tmp_path / "home", StandInDesk()) as here:
        done = here("token", "create", "--out", str(tmp_path / "token"))
    assert done.exit_code == 0
    assert done.stdout == ""
    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "token").read_text() == "pyv1.made\n"


def test_devices_are_filtered_by_the_controller(tmp_path: Path) -> None:
    desk = StandInDesk()
    with console(tmp_path, desk) as here:
        here("device", "list", "--connectivity", "online", "--label", "kind=real", "--limit", "5")
    assert desk.asked[0][1:4] == (None, {"kind": "real"}, Connectivity.ONLINE)

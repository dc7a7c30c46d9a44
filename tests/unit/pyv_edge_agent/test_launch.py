"""The way into the agent: which code becomes of the process, with real processes and slots."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pyv_edge_agent.core.launching import Launch
from pyv_edge_agent.disk.launch_file import read_launch, slot_directory, write_launch
from pyv_edge_agent.launch import state_of

ONE, TWO = "1" * 64, "2" * 64
#: stands for an agent: says who it is, and how it was started
SAYS = """import json, os, sys
print(json.dumps([os.environ["PYV_EDGE_SLOT"], sys.argv[1:], __file__]))
"""
CRASHES = "raise SystemExit('no')\n"


def lay(state: Path, slot: str, code: str) -> None:
    package = slot_directory(state, slot) / "site" / "pyv_edge_agent"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(code)


def launch(state: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYV_EDGE")}
    command = [sys.executable, "-P", "-m", "pyv_edge_agent", "run", "--state-dir", str(state)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_a_slot_on_trial_becomes_the_process_and_its_start_is_counted(tmp_path: Path) -> None:
    lay(tmp_path, ONE, SAYS)
    write_launch(tmp_path, Launch(trial=ONE))
    slot, words, file = json.loads(launch(tmp_path).stdout)
    assert (slot, words) == (ONE, ["run", "--state-dir", str(tmp_path)])
    assert file.startswith(str(slot_directory(tmp_path, ONE)))
    assert read_launch(tmp_path).starts == 1


def test_code_that_crashes_at_once_gives_way_to_what_was_good_on_the_fourth_start(tmp_path: Path) -> None:
    lay(tmp_path, ONE, SAYS)
    lay(tmp_path, TWO, CRASHES)
    write_launch(tmp_path, Launch(good=ONE, trial=TWO))
    ended = [launch(tmp_path) for _ in range(4)]
    assert [one.returncode for one in ended] == [1, 1, 1, 0]
    assert json.loads(ended[-1].stdout)[0] == ONE
    fell = read_launch(tmp_path).fallen
    assert fell is not None
    assert fell.slot == TWO


@pytest.mark.parametrize("slot", [None, ONE])
def test_the_installed_code_runs_where_no_slot_brings_an_agent(tmp_path: Path, slot: str | None) -> None:
    if slot is not None:
        slot_directory(tmp_path, slot).mkdir(parents=True)
        write_launch(tmp_path, Launch(good=slot))
    done = launch(tmp_path)  # this state was never provisioned: the installed agent says so and ends
    assert "there is no config" in done.stderr


@pytest.mark.parametrize(
    ("words", "environment", "state"),
    [
        (["run"], {}, "/var/lib/pyvorin-edge"),
        (["run", "--state-dir", "/a"], {"PYV_EDGE_STATE_DIR": "/b"}, "/a"),
        (["run", "--state-dir=/a"], {}, "/a"),
        (["run"], {"PYV_EDGE_STATE_DIR": "/b"}, "/b"),
        (["run", "--config", "/c/config.toml"], {}, "/c"),
        (["--config=/c/config.toml"], {}, "/c"),
    ],
)
def test_the_state_directory_is_the_one_that_run_uses(
    words: list[str], environment: dict[str, str], state: str
) -> None:
    assert state_of(words, environment) == Path(state)


def test_other_commands_are_the_installed_agents_own(tmp_path: Path) -> None:
    lay(tmp_path, ONE, CRASHES)
    write_launch(tmp_path, Launch(good=ONE))
    command = [sys.executable, "-P", "-m", "pyv_edge_agent", "version"]
    environment = {**os.environ, "PYV_EDGE_STATE_DIR": str(tmp_path)}
    assert subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0
    assert read_launch(tmp_path) == Launch(good=ONE)

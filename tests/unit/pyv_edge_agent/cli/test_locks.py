"""`lock`: a command runs under it, and who holds it is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner, Result

from pyv_edge_agent.cli import main
from pyv_edge_agent.exits import Exit
from pyv_edge_agent.update_lock import open_lock, wait_for_lock

AGENT = [sys.executable, "-m", "pyv_edge_agent"]


def called(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def test_a_command_runs_under_the_lock_and_its_status_is_the_answer(tmp_path: Path) -> None:
    lock = tmp_path / "update.lock"
    script = f"{sys.executable} -m pyv_edge_agent lock status --json --file {lock}; exit 7"
    found = subprocess.run(
        [*AGENT, "lock", "run", "--file", str(lock), "--", "/bin/sh", "-c", script],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 7, found.stderr
    assert json.loads(found.stdout)["held"]
    assert called("lock", "status", "--file", lock).exit_code == Exit.DONE


def test_who_holds_it_is_told(tmp_path: Path) -> None:
    descriptor = open_lock(tmp_path / "update.lock")
    wait_for_lock(descriptor, 0.0)
    found = called("lock", "status", "--state-dir", tmp_path)
    late = called("lock", "run", "--state-dir", tmp_path, "--wait", "0", "--", "/bin/true")
    os.close(descriptor)
    assert (found.exit_code, late.exit_code) == (Exit.AMISS, Exit.TIMED_OUT)
    assert f"pid {os.getpid()}" in found.output
    assert f"pid {os.getpid()}" in late.output


def test_what_cannot_be_locked_or_run_is_one_line(tmp_path: Path) -> None:
    gone = called("lock", "run", "--file", tmp_path / "no" / "lock", "--", "/bin/true")
    none = called("lock", "run", "--state-dir", tmp_path, "--", "/nowhere/at/all")
    for found in (gone, none):
        assert found.exit_code == Exit.FAILED
        assert len(found.output.splitlines()) == 1


def test_an_override_needs_an_agent(tmp_path: Path) -> None:
    found = called("lock", "override", "--state-dir", tmp_path)
    assert found.exit_code != Exit.DONE
    assert "Traceback" not in found.output

"""A hook's process: bounded in time and output, without secrets, and gone with its children."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from pyv_edge_agent.hook_process import SAID_BYTES_MAX, Ended, run_process


def run(script: str, timeout_seconds: float = 20.0, **environment: str) -> Ended:
    return run_process(["/bin/sh", "-c", script], environment, timeout_seconds, lambda: True)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(pid: int) -> bool:
    end = time.monotonic() + 20
    while is_alive(pid) and time.monotonic() < end:
        time.sleep(0.01)
    return not is_alive(pid)


def test_its_status_and_the_end_of_what_it_said_are_known() -> None:
    assert run("echo out; echo err >&2; exit 3") == Ended(3, "out\nerr")


def test_one_that_cannot_be_begun_says_why() -> None:
    ended = run_process(["/nowhere"], {}, 1.0, lambda: True)
    assert (ended.status, "No such file" in ended.said) == (None, True)


def test_at_its_timeout_it_ends_with_its_children(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    ended = run(f"sleep 600 & echo $! > {note}; wait", timeout_seconds=1.0)
    assert (ended.status, ended.timed_out) == (None, True)
    assert gone(int(note.read_text()))


def test_one_that_does_not_heed_the_word_to_end_is_ended() -> None:
    assert run("trap '' TERM; while :; do sleep 1; done", timeout_seconds=0.5).timed_out


def test_children_that_it_leaves_behind_end_with_it(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    assert run(f"sleep 600 & echo $! > {note}").status == 0
    assert gone(int(note.read_text()))


def test_of_what_it_says_only_the_end_is_kept() -> None:
    ended = run("yes x | head -c 1000000; echo end")
    assert len(ended.said) <= SAID_BYTES_MAX
    assert ended.said.endswith("end")


def test_it_has_no_input_and_nothing_of_the_agents_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUD_TOKEN", "s3cret")
    ended = run("cat; env; pwd", PYV_HOOK_NAME="one")
    assert "s3cret" not in ended.said
    assert "PYV_HOOK_NAME=one" in ended.said
    assert ended.said.splitlines()[-1] == "/"


def test_it_holds_no_file_of_the_agents() -> None:
    with Path("/etc/hostname").open("rb") as file:
        os.set_inheritable(file.fileno(), True)
        ended = run("ls -l /proc/self/fd")
    assert "hostname" not in ended.said


def test_what_is_not_wanted_any_more_is_ended() -> None:
    began = time.monotonic()
    ended = run_process(["/bin/sleep", "600"], {}, 600.0, lambda: time.monotonic() - began < 0.2)
    assert (ended.status, ended.timed_out) == (None, False)

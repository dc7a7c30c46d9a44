"""The demo's processes end with it: in order when it ends, at once when it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pyv_fleet.demo import children
from pyv_fleet.demo.children import Children
from running.demo import until

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
CHILD = "import time; print('up', flush=True); time.sleep(600)"
TALE = """
import signal, sys, time
def end(*_):
    open(sys.argv[2], 'a').write(sys.argv[1] + '\\n')
    sys.exit()
signal.signal(signal.SIGTERM, end)
print('up', flush=True)
time.sleep(600)
"""
PARENT = """
import sys
from pathlib import Path
from pyv_fleet.demo.children import Children
child = Children(Path(sys.argv[1])).start("deaf", [sys.executable, "-c", sys.argv[2]])
print(child.pid, flush=True)
sys.stdin.read()
"""


def started(group: Children, name: str, log_dir: Path, *argv: str) -> subprocess.Popen[bytes]:
    child = group.start(name, [sys.executable, "-c", *argv])
    until(lambda: "up" in (log_dir / f"{name}.log").read_text(), within=20, what=f"{name} is up")
    return child


def test_the_controller_started_first_is_stopped_last(tmp_path: Path) -> None:
    group, told = Children(tmp_path), tmp_path / "told"
    for name in ("controller", "agent"):
        started(group, name, tmp_path, TALE, name, str(told))
    group.stop_all()
    assert told.read_text().splitlines() == ["agent", "controller"]


def test_who_does_not_heed_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "STOP_SECONDS", 0.1)
    group = Children(tmp_path)
    child = started(group, "deaf", tmp_path, DEAF)
    group.stop_all()
    assert child.returncode == -signal.SIGKILL


def test_one_that_is_suspended_is_stopped_too(tmp_path: Path) -> None:
    group = Children(tmp_path)
    child = started(group, "child", tmp_path, CHILD)
    os.kill(child.pid, signal.SIGSTOP)
    group.stop_all()
    assert child.returncode == -signal.SIGTERM


def test_who_ended_by_itself_is_told_with_its_last_words(tmp_path: Path) -> None:
    group = Children(tmp_path)
    child = group.start("brief", [sys.executable, "-c", "print('one'); print('two'); raise SystemExit(3)"])
    child.wait()
    assert group.ended() == {"brief": 3}
    assert group.last_words("brief", lines=1) == "two"
    group.stop_all()


def test_a_killed_parent_takes_a_deaf_child_along(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path), DEAF], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = Path("/proc", parent.stdout.readline().strip())
        until(lambda: "up" in (tmp_path / "deaf.log").read_text(), within=20, what="the child is up")
        parent.kill()
    until(lambda: not _lives(child), within=5, what="the child went with it")


def test_one_whose_parent_is_another_is_not_tied() -> None:
    with pytest.raises(ProcessLookupError):
        children.die_with_parent(os.getpid(), signal.SIGTERM)
    children.die_with_parent(os.getppid(), 0)  # type: ignore[arg-type]  # 0 unties this process again


def _lives(process: Path) -> bool:
    try:
        return "\nState:\tZ" not in (process / "status").read_text()
    except OSError:
        return False

"""A child that dies with its parent, whatever kills it."""

import subprocess
import sys
import time
from pathlib import Path

from pyv_fleet.broker import launch

PARENT = """
import subprocess, sys
from pyv_fleet.broker import launch
command = launch.command(["/bin/sh", "-c", "echo $$ $WORD; exec sleep 60"], {"WORD": "given"})
child = subprocess.Popen(command, start_new_session=True)
child.wait()
"""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_program_gets_its_environment_and_dies_with_a_killed_parent() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid, word = parent.stdout.readline().split()
        assert alive(int(pid))
        parent.kill()
    deadline = time.monotonic() + 5
    while alive(int(pid)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert word == "given"
    assert not alive(int(pid))


def test_a_parent_that_died_before_starts_nothing() -> None:
    order = launch.command(["/bin/echo", "started"], {})
    order[-1] = order[-1].replace('"parent": ', '"parent": 9')  # not the one that starts it
    done = subprocess.run(order, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")

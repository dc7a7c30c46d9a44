"""The controller's process: one a home, tied to its parent. Its whole life stands in tests/system/test_api.py."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

TIED = (
    "import time; from pyv_fleet.serve import tie_to_parent; tie_to_parent(); print('tied', flush=True); time.sleep(60)"
)


def test_it_dies_with_its_parent() -> None:
    start = f"import subprocess, sys; c = subprocess.Popen([sys.executable, '-c', {TIED!r}], stdout=subprocess.PIPE); "
    start += "c.stdout.readline(); print(c.pid, flush=True); import os; os.kill(os.getpid(), 9)"
    pid = int(subprocess.run([sys.executable, "-c", start], capture_output=True, text=True, check=False).stdout)
    deadline = time.monotonic() + 5
    while (alive := _alive(pid)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive


def _alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"

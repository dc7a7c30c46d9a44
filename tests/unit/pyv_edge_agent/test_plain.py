"""`run` as a process, without click: it says what click's would, and ends as that would."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

#: ends at once: nothing was provisioned there
LISTS = """import sys
from pyv_edge_agent.launch import main
try:
    main(sys.argv[1:])
finally:
    print(*sys.modules)
"""


def started(*words: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYV_EDGE")}
    command = [sys.executable, "-P", "-c", LISTS, *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_plain_words_run_without_click_and_what_else_only_some_need(tmp_path: Path) -> None:
    done = started("run", "--state-dir", str(tmp_path))
    assert (done.returncode, "there is no config" in done.stderr) == (1, True)
    assert done.stderr.startswith("Error: ")
    loaded = set(done.stdout.split())
    assert "pyv_edge_agent.main" in loaded
    costly = {
        "click",
        "psutil",
        "dataclasses",
        "importlib.metadata",
        "statistics",
        "zoneinfo",
        "tuf",
        "cryptography.x509",
    }
    assert not loaded & costly


def test_a_failure_is_told_alike_with_and_without_click(tmp_path: Path) -> None:
    plain, clicked = (started("run", "--state-dir", str(tmp_path), "--health-port", port) for port in ("80", " 80"))
    assert "click" not in plain.stdout.split()
    assert "click" in clicked.stdout.split()
    assert (plain.returncode, plain.stderr) == (clicked.returncode, clicked.stderr)


def test_wrong_words_are_told_by_click(tmp_path: Path) -> None:
    done = started("run", "--state-dir", str(tmp_path), "--health-port", "70000")
    assert done.returncode == 2
    assert "Usage:" in done.stderr

"""Giving way: the launcher is started as it was the first time, with the path as it was before."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from pyv_edge_agent.core.launching import INSTALLED
from pyv_edge_agent.relaunch import AGAIN_VARIABLE, PATH_BEFORE_VARIABLE, SLOT_VARIABLE, again, running_code

SHOW = "import os, json; print(json.dumps({k: os.environ.get(k) for k in ('PYTHONPATH', 'PYV_EDGE_SLOT')}))"
GIVE_WAY = "from pyv_edge_agent.relaunch import again, start_again; print('before', flush=True); start_again(again())"


def test_without_a_launcher_the_installed_code_runs_and_nothing_starts_it_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(SLOT_VARIABLE, raising=False)
    monkeypatch.delenv(AGAIN_VARIABLE, raising=False)
    assert (running_code(), again()) == (INSTALLED, None)


@pytest.mark.parametrize("before", ["", "/other"])
def test_the_same_process_becomes_the_launcher_with_a_clean_path(before: str) -> None:
    environment = {
        **os.environ,
        SLOT_VARIABLE: "a" * 64,
        AGAIN_VARIABLE: json.dumps([sys.executable, "-c", SHOW]),
        PATH_BEFORE_VARIABLE: before,
        "PYTHONPATH": "/slot/site",
    }
    done = subprocess.run([sys.executable, "-c", GIVE_WAY], env=environment, capture_output=True, text=True, check=True)
    first, second = done.stdout.splitlines()
    assert first == "before"
    assert json.loads(second) == {"PYTHONPATH": before or None, "PYV_EDGE_SLOT": None}

"""The footprint's benchmark runs to its end and has every figure; how large they are is judged by its own command."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from house.source import ROOT

pytestmark = pytest.mark.timeout(180)


def test_the_benchmark_measures_baseline_and_agent_in_one_run() -> None:
    argv = [sys.executable, str(ROOT / "benchmarks" / "footprint.py"), "-o", "json", "--runs", "1"]
    short = ["--seconds", "3", "--settle-seconds", "0", "--beats", "0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    done = subprocess.run([*argv, *short], capture_output=True, text=True, timeout=170, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for one in ("baseline", "idle", "busy"):
        assert 0 < found[one]["private"] <= found[one]["rss"]
    assert found["readings_per_second"] > 0
    assert found["report_bytes"] > 0
    assert {goal["met"] for goal in found["goals"]} <= {True, False, None}

"""kill -9 at random moments of updates, with and without bundles; `make nightly` does it two thousand times."""

from __future__ import annotations

from pathlib import Path

from running.controller import controller
from running.herd import herd
from running.tmpfs import tmp_path

__all__ = ["tmp_path"]


def test_agents_killed_at_random_come_back_whole(tmp_path: Path) -> None:
    with controller(tmp_path) as running, herd(running, tmp_path, count=5, seed=8) as agents:
        killed = agents.run(kills=16, seconds=60)
    print(killed)
    assert killed.kills >= 10

"""kill -9 of the controller at any step of a rollout; `make nightly` does it a hundred times."""

from __future__ import annotations

from pathlib import Path

import pytest

from running.controller_kills import kills
from running.tmpfs import tmp_path

__all__ = ["tmp_path"]


@pytest.mark.timeout(600)
def test_a_controller_killed_at_any_step_repeats_and_skips_no_wave(tmp_path: Path) -> None:
    with kills(tmp_path, seed=9) as controller:
        killed = controller.run(kills=10, seconds=500)
    print(killed)
    assert killed.kills >= 10

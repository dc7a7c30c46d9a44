"""One at a time on a state directory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pyv_edge_agent.locking import AgentRunning, take_lock


def test_there_is_one_at_a_time_and_the_next_when_it_let_go(tmp_path: Path) -> None:
    first = take_lock(tmp_path / "lock")
    with pytest.raises(AgentRunning, match="stop it first"):
        take_lock(tmp_path / "lock")
    os.close(first)
    os.close(take_lock(tmp_path / "lock"))


def test_where_no_file_can_be_the_system_says_why(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        take_lock(tmp_path / "nowhere" / "lock")

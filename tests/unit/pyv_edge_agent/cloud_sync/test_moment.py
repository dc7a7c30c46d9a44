"""Boots are told apart, and boot time does not go back."""

from __future__ import annotations

from pathlib import Path

from pyv_edge_agent.cloud_sync.moment import QueueClock, this_boot


def test_a_boot_has_a_number_that_stays() -> None:
    assert this_boot() == this_boot() != 0


def test_a_machine_without_boot_ids_counts_all_boots_as_one(tmp_path: Path) -> None:
    assert this_boot(tmp_path / "none") == 0
    (tmp_path / "odd").write_text("no hex")
    assert this_boot(tmp_path / "odd") == 0


def test_a_moment_reads_all_clocks() -> None:
    now = QueueClock(lambda: 5.0, lambda: 6.0, lambda: False, boot=3).now()
    assert (now.wall, now.uptime, now.boot, now.synced) == (5.0, 6.0, 3, False)

"""The live config file: replaced whole, written only when it differs, its permissions left to its owner."""

from __future__ import annotations

from pathlib import Path

from pyv_edge_agent.disk.live import LiveFile


def test_it_is_written_only_when_it_differs(tmp_path: Path) -> None:
    live = LiveFile(tmp_path / "config.toml")
    assert live.read() is None
    assert live.put(b"a = 1\n")
    before = live.path.stat().st_mtime_ns
    assert not live.put(b"a = 1\n")
    assert live.path.stat().st_mtime_ns == before
    assert live.read() == b"a = 1\n"


def test_its_permissions_stay(tmp_path: Path) -> None:
    live = LiveFile(tmp_path / "config.toml")
    live.path.write_bytes(b"a = 1\n")
    live.path.chmod(0o640)
    live.put(b"a = 2\n")
    assert live.path.stat().st_mode & 0o777 == 0o640


def test_a_new_one_is_its_owners_alone_in_a_directory_that_may_have_gone(tmp_path: Path) -> None:
    live = LiveFile(tmp_path / "gone" / "config.toml")
    live.put(b"a = 1\n")
    assert live.path.stat().st_mode & 0o777 == 0o600

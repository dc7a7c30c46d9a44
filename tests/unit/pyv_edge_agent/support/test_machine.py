"""The machine around the agent, as it is here."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from pyv_edge_agent.state_dir import StateDir
from pyv_edge_agent.support import machine


def test_system_network_and_disk_are_plain_figures(tmp_path: Path) -> None:
    (tmp_path / "device.key").write_text("hidden")
    (tmp_path / "device.key").chmod(0o600)
    found = machine.machine()
    assert any(line.startswith("msgspec ") for line in found["packages"])
    assert "lo" in machine.network()
    disk = machine.disk(tmp_path)
    assert disk["files"]["device.key"][:2] == [6, "0o100600"]
    assert "hidden" not in json.dumps([found, disk])


def test_a_certificate_that_is_not_there_or_none_is_an_error_of_its_part(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        machine.certificate(StateDir(tmp_path))
    (tmp_path / "device.pem").write_text("nonsense")
    with pytest.raises(ValueError):
        machine.certificate(StateDir(tmp_path))


def test_without_a_journal_it_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "journalctl").write_text("#!/bin/sh\necho nothing here >&2\nexit 3\n")
    (tmp_path / "journalctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(OSError, match="exit 3: nothing here"):
        machine.service_log(10)
    (tmp_path / "journalctl").write_text("#!/bin/sh\necho lines\n")
    assert machine.service_log(10) == b"lines\n"
    monkeypatch.setattr(machine, "_JOURNAL_SECONDS", 0.05)
    (tmp_path / "journalctl").write_text("#!/bin/sh\nexec sleep 5\n")
    with pytest.raises((OSError, subprocess.TimeoutExpired), match="did not end"):
        machine.service_log(10)

"""The version is the one that importlib.metadata finds, and of the code that goes first."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from pyv_edge_agent.installed import UNKNOWN, agent_version


def test_it_is_the_distributions_version() -> None:
    assert agent_version() == version("pyvorin-fleet")


def test_a_bundles_agent_before_the_installed_one_says_its_own_version(tmp_path: Path) -> None:
    for place, number in (("bundle", "2.0.1"), ("installed", "1.0")):
        (tmp_path / place / f"pyvorin_fleet-{number}.dist-info").mkdir(parents=True)
    path = [str(tmp_path / "gone"), str(tmp_path / "bundle"), str(tmp_path / "installed")]
    assert agent_version(path) == "2.0.1"


def test_code_that_was_never_installed_has_no_version(tmp_path: Path) -> None:
    assert agent_version([str(tmp_path), str(tmp_path / "gone")]) == UNKNOWN

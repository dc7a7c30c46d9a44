"""The launcher's file and the link move together, and only to code that is there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pyv_edge_agent.core.launching import INSTALLED, Launch
from pyv_edge_agent.disk.bundles import CURRENT, BundleSlots
from pyv_edge_agent.disk.code import CodeInForce
from pyv_edge_agent.disk.launch_file import read_launch, write_launch
from pyvorin_edge.identity import Digest

ONE, TWO = Digest("1" * 64), Digest("2" * 64)


@pytest.fixture
def code(tmp_path: Path) -> CodeInForce:
    slots = BundleSlots(tmp_path)
    for slot in (ONE, TWO):
        with slots.making(slot) as directory:
            (directory / "site" / "pyv_edge_agent").mkdir(parents=True)
            (directory / "site" / "pyv_edge_agent" / "__main__.py").touch()
    return CodeInForce(tmp_path, slots, INSTALLED)


def test_what_is_put_in_force_is_on_trial_and_other_code_must_run(tmp_path: Path, code: CodeInForce) -> None:
    assert code.runs
    assert code.put_in_force(ONE, None)
    assert read_launch(tmp_path) == Launch(good=INSTALLED, trial=ONE)
    assert os.readlink(tmp_path / CURRENT).endswith(ONE)
    assert not code.runs


def test_going_back_to_what_is_good_ends_the_trial(tmp_path: Path, code: CodeInForce) -> None:
    code.put_in_force(ONE, None)
    assert code.put_in_force(None, None)
    assert read_launch(tmp_path) == Launch()
    assert code.runs


def test_established_code_is_what_the_launcher_goes_back_to(tmp_path: Path, code: CodeInForce) -> None:
    code.put_in_force(ONE, None)
    code.establish(ONE)
    code.put_in_force(TWO, ONE)
    assert read_launch(tmp_path) == Launch(good=ONE, trial=TWO)


def test_a_slot_that_is_not_there_changes_nothing(tmp_path: Path, code: CodeInForce) -> None:
    absent = Digest("3" * 64)
    assert not code.put_in_force(absent, None)
    code.establish(absent)
    assert read_launch(tmp_path) == Launch()


def test_what_fell_is_told(tmp_path: Path, code: CodeInForce) -> None:
    assert code.fallen is None
    write_launch(tmp_path, Launch(good=ONE)._replace(fallen=None))
    assert code.fallen is None

"""`pyv-fleet policy`: a file in, the terms out; a wrong file changes nothing and is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyv_fleet.cli import policy
from pyv_fleet.cli.session import CliError
from pyv_fleet.core.policy import Budgets, Policy


def test_a_file_says_what_differs_from_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "careful.toml"
    file.write_text('waves = ["1", "100% approve"]\napprovals = 1\n[budgets]\nlost_max = 3\n')
    assert policy._read(file) == Policy(waves=("1", "100% approve"), approvals=1, budgets=Budgets(lost_max=3))


@pytest.mark.parametrize("text", ["waves = [", "hurry = true", "approvals = 99"])
def test_a_wrong_file_is_named_with_its_fault(tmp_path: Path, text: str) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(text)
    with pytest.raises(CliError, match=r"wrong\.toml"):
        policy._read(file)

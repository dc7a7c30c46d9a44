"""A controller's home has one master at a time; what stands in it is run for real by tests/system/test_api.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyv_fleet.cli import home
from pyv_fleet.cli.session import CliError, Exit


def test_one_controller_a_home(tmp_path: Path) -> None:
    with home.alone(tmp_path), pytest.raises(CliError) as refused, home.alone(tmp_path):
        pass
    assert refused.value.exit_code == Exit.CONFLICT
    with home.alone(tmp_path):
        pass

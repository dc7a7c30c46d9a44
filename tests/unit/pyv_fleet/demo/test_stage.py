"""A demo has its folder to itself, clears what an earlier one left, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyv_fleet.demo.places import Places
from pyv_fleet.demo.stage import LEFT_BEHIND, StageTaken, claim, set_stage

HOLD = """
import sys
from pathlib import Path
from pyv_fleet.demo.stage import claim
claim(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process whose demo runs in the folder."""
    argv = [sys.executable, "-c", HOLD, str(tmp_path / "demo")]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_folder_where_a_demo_runs_is_refused(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    with pytest.raises(StageTaken, match="a demo runs in"):
        claim(tmp_path / "demo")


def test_the_claim_goes_with_a_process_that_is_killed(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    holder.kill()
    holder.wait()
    assert claim(tmp_path / "demo") == tmp_path / "demo"


def test_what_an_earlier_demo_left_is_cleared(tmp_path: Path) -> None:
    for name in LEFT_BEHIND:
        (tmp_path / name).mkdir()
    (tmp_path / "operator" / "token").write_text("old")
    claim(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_files_that_no_demo_made_are_left_and_named(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    (tmp_path / "log").mkdir()
    with pytest.raises(StageTaken, match=r"'thesis\.txt'"):
        claim(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "mine"
    assert (tmp_path / "log").exists()


def test_a_new_folder_is_the_owners_alone(tmp_path: Path) -> None:
    claim(tmp_path / "demo")
    assert os.stat(tmp_path / "demo").st_mode & 0o077 == 0


def test_every_real_agent_has_a_folder_and_an_address_of_its_own(tmp_path: Path) -> None:
    places = Places()
    stage = set_stage(tmp_path, 3, places)
    places.release()
    assert [seat.serial for seat in stage.seats] == ["demo-1", "demo-2", "demo-3"]
    assert len({seat.health_url for seat in stage.seats}) == 3
    assert len({seat.state_dir for seat in stage.seats}) == 3
    assert len({stage.api_port, stage.page_port, stage.mqtt_port}) == 3

"""Each scenario still causes what its transcript says (rewrite.py makes them anew)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from transcripts.scenarios import SCENARIOS
from transcripts.transcript import played

HERE = Path(__file__).parent
COMMAND = "PYTHONPATH=tests .venv/bin/python -m transcripts.rewrite"


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_causes_what_its_transcript_says(name: str, tmp_path: Path) -> None:
    text = asyncio.run(played(SCENARIOS[name], tmp_path))
    assert text == (HERE / f"{name}.txt").read_text(encoding="utf-8"), f"if that is meant: {COMMAND}"


def test_no_transcript_is_left_over() -> None:
    assert {path.stem for path in HERE.glob("*.txt")} == set(SCENARIOS)

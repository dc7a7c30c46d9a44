"""Plays every scenario and writes its transcript anew: `PYTHONPATH=tests .venv/bin/python -m transcripts.rewrite`.

Read the difference in git before it is committed: it is what the change does.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from transcripts.scenarios import SCENARIOS
from transcripts.transcript import played

HERE = Path(__file__).parent


def main() -> None:
    """All of them."""
    for name, scenario in SCENARIOS.items():
        with tempfile.TemporaryDirectory() as directory:
            text = asyncio.run(played(scenario, Path(directory)))
        (HERE / f"{name}.txt").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

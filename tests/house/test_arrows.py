"""Imports point down: the contracts of pyproject.toml hold."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from house.source import ROOT


def test_import_contracts_hold() -> None:
    lint = Path(sys.executable).parent / "lint-imports"
    assert lint.exists(), "import-linter is not installed: make setup"
    told = subprocess.run([str(lint), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert told.returncode == 0, (
        f"turn the arrow round, or move the code (ARCHITECTURE):\n{told.stdout[-3000:]}{told.stderr}"
    )

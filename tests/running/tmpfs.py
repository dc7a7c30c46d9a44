"""A `tmp_path` in memory, for suites of stores whose point is not durability: each commit's fsync costs 1 to 50 ms."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

MEMORY = Path("/dev/shm")


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """pytest's own by name, gone after the test; on disk where there is no such place."""
    place = MEMORY if os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="pyv-fleet-test-", dir=place) as folder:
        yield Path(folder)

"""The audit log's pages."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pyv_fleet.engine.errors import Invalid
from running.bench import bench


@pytest.mark.parametrize("after", ["x", "-1", "\u0661", "1.5", "9" * 30])
def test_a_page_after_what_is_no_line_is_refused(tmp_path: Path, after: str) -> None:
    async def run() -> None:
        async with bench(tmp_path) as place:
            with pytest.raises(Invalid):
                await place.desk.audit(after, 10)

    asyncio.run(run())

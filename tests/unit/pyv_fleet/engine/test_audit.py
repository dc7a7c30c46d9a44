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


def test_the_log_says_whether_it_is_whole_and_a_head_to_write_down(tmp_path: Path) -> None:
    async def run() -> None:
        async with bench(tmp_path) as place:
            await place.enrol("dev-a")
            first = await place.desk.check_audit(None)
            await place.enrol("dev-b")
            later = await place.desk.check_audit(first.head)
            assert (first.broken, later.broken) == (None, None)
            assert later.lines > first.lines
            with pytest.raises(Invalid, match="SEQ:HASH"):
                await place.desk.check_audit("5")

    asyncio.run(run())

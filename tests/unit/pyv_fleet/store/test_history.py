"""Histories in the store: several sources as one line of time, and the broom."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.words import AlertState, Happening
from pyv_fleet.store import alerts, audit, history
from pyv_fleet.store.alerts import AlertRecord
from pyv_fleet.store.database import Database
from pyv_fleet.store.history import Note, Place, Told
from running.tmpfs import tmp_path as tmp_path


def play(path: Path, scene: Callable[[AsyncConnection], Awaitable[None]]) -> None:
    async def run() -> None:
        database = await Database.open(f"sqlite+aiosqlite:///{path / 'h.db'}")
        async with database.begin() as connection:
            await scene(connection)
        await database.close()

    asyncio.run(run())


def note(at: int, what: Happening = Happening.PHASE, device_id: str = "d") -> Note:
    return Note(at=at, what=what, detail=f"at {at}", device_id=device_id)


async def filled(connection: AsyncConnection) -> None:
    """Lines of every source, some in the same millisecond."""
    await history.add(connection, [note(1), note(2), note(2), note(5), note(3, device_id="other")])
    alert = AlertRecord(
        id="a1", name="config_drift", subject="d", device_id="d", state=AlertState.RESOLVED, detail="edited",
        verified=True, raised_at=2, resolved_at=5,
    )  # fmt: skip
    await alerts.put(connection, alert)
    await audit.append(connection, now_ms=2, actor="ann", act="device.assign", subject="d", reason="moved")
    await audit.append(connection, now_ms=9, actor="ann", act="device.assign", subject="other", reason="moved")


async def paged(connection: AsyncConnection, size: int) -> list[Told]:
    found: list[Told] = []
    place: Place | None = None
    while some := await history.of_device(connection, "d", place, size):
        found += some
        place = some[-1].place
    return found


def test_all_sources_are_one_line_of_time_whatever_the_pages_size(tmp_path: Path) -> None:
    async def scene(connection: AsyncConnection) -> None:
        await filled(connection)
        whole = await history.of_device(connection, "d", None, 100)
        assert [one.place.at for one in whole] == [5, 5, 2, 2, 2, 2, 1]
        assert {one.detail for one in whole if one.what is Happening.ALERT} == {
            "config_drift: edited", "resolved: config_drift: edited"
        }  # fmt: skip
        assert [(one.detail, one.by) for one in whole if one.by] == [("device.assign: moved", "ann")]
        for size in (1, 2, 3, 100):
            assert await paged(connection, size) == whole

    play(tmp_path, scene)


def test_a_channels_history_has_no_devices_lines(tmp_path: Path) -> None:
    async def scene(connection: AsyncConnection) -> None:
        await filled(connection)
        line = Note(at=7, what=Happening.ROLLOUT, detail="r is paused", channel="stable")
        await history.add(connection, [line])
        assert [one.detail for one in await history.of_channel(connection, "stable", None, 9)] == ["r is paused"]

    play(tmp_path, scene)


def test_old_lines_are_thinned_to_landmarks_and_very_old_ones_go(tmp_path: Path) -> None:
    async def scene(connection: AsyncConnection) -> None:
        marks = frozenset({Happening.RESULT})
        await history.add(connection, [note(at, what) for at in (1, 5, 9) for what in (Happening.PHASE, *marks)])
        gone = await history.thin(connection, whole_since=6, any_since=3, landmarks=marks)
        left = await history.of_device(connection, "d", None, 100)
        assert gone == 3
        assert [(one.place.at, one.what.value) for one in left] == [(9, "result"), (9, "phase"), (5, "result")]

    play(tmp_path, scene)

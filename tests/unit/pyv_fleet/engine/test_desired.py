"""What a device without MQTT is told: at once when it changed, and whoever waits is woken by the order itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from pyv_fleet.engine.errors import NotFound
from pyv_fleet.trust.root_document import next_root
from running.bench import Bench, bench

LONG_SECONDS = 30.0


def play(path: Path, scene: Callable[[Bench], Awaitable[None]]) -> None:
    async def run() -> None:
        async with bench(path) as place:
            await place.enrol("dev-a")
            async with asyncio.timeout(LONG_SECONDS / 2):
                await scene(place)

    asyncio.run(run())


async def waiting(place: Bench) -> asyncio.Task[str]:
    """A device that waits for other orders than it has; gives the ETag that it gets."""
    known = (await place.desk.desired("dev-a")).etag

    async def wait() -> str:
        return (await place.desk.polled("dev-a", known, LONG_SECONDS, asyncio.Event())).etag

    return asyncio.create_task(wait())


def test_a_directive_wakes_whoever_waits_for_it(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        digest = await place.release("1.0")
        task = await waiting(place)
        await place.order(digest)
        assert await task == (await place.desk.desired("dev-a")).etag

    play(tmp_path, scene)


def test_a_new_trust_document_wakes_everybody(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        task = await waiting(place)
        document = next_root(place.engine.trust.current.document, place.terms(1), [place.root_key])
        await place.desk.put_trust(2, document, "root")
        assert await task == (await place.desk.desired("dev-a")).etag
        assert (await place.desk.desired("dev-a")).trust == 2

    play(tmp_path, scene)


def test_who_knows_something_else_is_answered_at_once(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        found = await place.desk.polled("dev-a", '"other"', LONG_SECONDS, asyncio.Event())
        assert found == await place.desk.desired("dev-a")

    play(tmp_path, scene)


def test_a_server_that_ends_lets_nobody_wait(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        known, ending = (await place.desk.desired("dev-a")).etag, asyncio.Event()
        task = asyncio.create_task(place.desk.polled("dev-a", known, LONG_SECONDS, ending))
        await asyncio.sleep(0)
        ending.set()
        assert (await task).etag == known

    play(tmp_path, scene)


def test_a_device_that_nobody_enrolled_has_no_orders(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        with pytest.raises(NotFound):
            await place.desk.desired("dev-z")

    play(tmp_path, scene)

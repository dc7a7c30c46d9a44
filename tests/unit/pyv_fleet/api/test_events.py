"""Server-sent events: a hello, then one for every change, together if they come fast."""

from __future__ import annotations

import asyncio

from pyv_fleet.api import events
from pyv_fleet.api.context import ApiContext
from running.faces import NOW, Browser, StandInDesk, app_of, certificate


def context_of(desk: StandInDesk) -> ApiContext:
    return ApiContext(desk=desk, device_ca=certificate("ca"), server_ca=certificate("ca"), clock=lambda: NOW)  # type: ignore[arg-type]


def test_a_change_is_told_and_many_at_once_are_told_once() -> None:
    async def seen() -> list[str]:
        desk = StandInDesk()
        stream = events._told(context_of(desk))
        said = [str((await anext(stream)).data)]
        for _ in range(20):
            desk.bell.ring("devices")
        said.append(str((await asyncio.wait_for(anext(stream), 5)).data))
        await stream.aclose()  # type: ignore[attr-defined]
        return said

    assert asyncio.run(seen()) == ["hello", "changed"]


def test_a_change_between_hello_and_the_next_look_is_not_lost() -> None:
    async def seen() -> str:
        desk = StandInDesk()
        stream = events._told(context_of(desk))
        await anext(stream)
        desk.bell.ring("devices")
        return str((await asyncio.wait_for(anext(stream), 5)).data)

    assert asyncio.run(seen()) == "changed"


def test_it_ends_when_the_server_ends() -> None:
    async def rest() -> int:
        context = context_of(StandInDesk())
        stream = events._told(context)
        await anext(stream)
        asyncio.get_running_loop().call_later(0.05, context.closing.set)
        return len([one async for one in stream])

    assert asyncio.run(asyncio.wait_for(rest(), 5)) == 0


def test_it_needs_a_token_or_the_page() -> None:
    assert Browser(app_of(StandInDesk()))("GET", "/v1/events").status_code == 401

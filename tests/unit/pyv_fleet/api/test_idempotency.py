"""An act with an Idempotency-Key over HTTP, against the real desk and store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from pyv_fleet.core.words import AuthScope
from running.bench import Bench, bench
from running.faces import Browser, app_of


def play(path: Path, scene: Callable[[Bench, Browser], Awaitable[None]]) -> None:
    async def run() -> None:
        async with bench(path) as place:
            text = await place.key_text(AuthScope.ADMIN)
            await scene(place, Browser(app_of(cast(Any, place.desk)), token=text))

    asyncio.run(run())


def keyed(key: str = "k-1") -> dict[str, str]:
    return {"Idempotency-Key": key}


async def refresh(browser: Browser, key: str = "k-1", reason: str = "again") -> Any:
    return await browser.call("POST", "/v1/channels/stable/refresh", json={"reason": reason}, headers=keyed(key))


def test_the_same_again_is_answered_alike_and_done_once(tmp_path: Path) -> None:
    async def scene(place: Bench, browser: Browser) -> None:
        await place.order(await place.release("1.0"))
        first, second = await refresh(browser), await refresh(browser)
        assert (first.status_code, second.status_code) == (200, 200)
        assert second.content == first.content
        assert "idempotent-replayed" in second.headers
        assert second.headers["content-type"].startswith("application/json")
        audit = await place.desk.audit(None, 100)
        assert [one.act for one in audit.items].count("channel.refresh") == 1
        assert (await refresh(browser, "k-2")).json()["generation"] > first.json()["generation"]

    play(tmp_path, scene)


def test_another_body_under_the_key_is_422(tmp_path: Path) -> None:
    async def scene(place: Bench, browser: Browser) -> None:
        await place.order(await place.release("1.0"))
        await refresh(browser)
        answer = await refresh(browser, reason="other")
        assert answer.status_code == 422
        assert "k-1" in answer.json()["detail"]

    play(tmp_path, scene)


def test_what_was_refused_may_be_tried_again_with_the_key(tmp_path: Path) -> None:
    async def scene(place: Bench, browser: Browser) -> None:
        assert (await refresh(browser)).status_code == 409
        await place.order(await place.release("1.0"))
        assert (await refresh(browser)).status_code == 200

    play(tmp_path, scene)


def test_a_tokens_text_is_stored_nowhere_and_the_second_answer_is_409(tmp_path: Path) -> None:
    made: list[bytes] = []

    async def scene(place: Bench, browser: Browser) -> None:
        async def make() -> Any:
            return await browser.call("POST", "/v1/tokens", json={"uses": 3}, headers=keyed())

        first, second = await make(), await make()
        assert (first.status_code, second.status_code) == (201, 409)
        assert "only one" in second.json()["detail"]
        made.append(first.json()["token"].encode())

    play(tmp_path, scene)
    assert not [path for path in tmp_path.rglob("fleet.db*") if made[0] in path.read_bytes()]


@pytest.mark.parametrize("key", ["", "x" * 129, "tab\there"])
def test_a_key_out_of_form_is_refused_before_anything_is_done(tmp_path: Path, key: str) -> None:
    async def scene(place: Bench, browser: Browser) -> None:
        answer = await browser.call("POST", "/v1/tokens", json={}, headers=keyed(key))
        assert answer.status_code == 422
        assert "Idempotency-Key" in answer.json()["detail"]

    play(tmp_path, scene)


def test_without_a_key_each_request_is_an_act_of_its_own(tmp_path: Path) -> None:
    async def scene(place: Bench, browser: Browser) -> None:
        ids = {(await browser.call("POST", "/v1/tokens", json={})).json()["id"] for _ in range(2)}
        assert len(ids) == 2

    play(tmp_path, scene)

"""Acts with a key are done once: also if asked twice at the same time, and if power goes between act and answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from pyv_fleet.engine.answers import KEPT_MS, Answer, Answers
from pyv_fleet.engine.errors import Conflict, Invalid
from pyv_fleet.engine.ground import Ground
from running.bench import Bench, bench

MADE = Answer(201, b'{"id": "r-1"}')


def play(path: Path, scene: Callable[[Bench, Answers], Awaitable[None]]) -> None:
    async def run() -> None:
        async with bench(path) as place:
            await scene(place, place.desk.answers)

    asyncio.run(run())


async def done(answers: Answers, actor: str = "a", key: str = "k", sha256: str = "1") -> None:
    assert await answers.begin(actor, key, sha256) is None
    await answers.keep(actor, key, MADE)
    answers.leave(actor, key)


def test_the_same_again_gets_the_same_answer(tmp_path: Path) -> None:
    async def scene(_: Bench, answers: Answers) -> None:
        await done(answers)
        assert await answers.begin("a", "k", "1") == MADE

    play(tmp_path, scene)


def test_another_request_under_the_key_is_refused(tmp_path: Path) -> None:
    async def scene(_: Bench, answers: Answers) -> None:
        await done(answers)
        with pytest.raises(Invalid, match="another request"):
            await answers.begin("a", "k", "2")

    play(tmp_path, scene)


def test_a_key_is_its_callers_own(tmp_path: Path) -> None:
    async def scene(_: Bench, answers: Answers) -> None:
        await done(answers)
        assert await answers.begin("b", "k", "2") is None

    play(tmp_path, scene)


def test_after_a_day_the_key_is_free(tmp_path: Path) -> None:
    async def scene(place: Bench, answers: Answers) -> None:
        await done(answers)
        place.time.forward(KEPT_MS / 1000 + 1)
        assert await answers.begin("a", "k", "2") is None

    play(tmp_path, scene)


def test_what_was_dropped_may_be_tried_again(tmp_path: Path) -> None:
    async def scene(_: Bench, answers: Answers) -> None:
        assert await answers.begin("a", "k", "1") is None
        await answers.drop("a", "k")
        answers.leave("a", "k")
        assert await answers.begin("a", "k", "2") is None

    play(tmp_path, scene)


def test_asked_while_the_first_is_under_way_it_waits_for_its_answer(tmp_path: Path) -> None:
    async def scene(_: Bench, answers: Answers) -> None:
        assert await answers.begin("a", "k", "1") is None
        second = asyncio.create_task(answers.begin("a", "k", "1"))
        await asyncio.sleep(0)
        await answers.keep("a", "k", MADE)
        answers.leave("a", "k")
        assert await second == MADE

    play(tmp_path, scene)


def test_what_a_stopped_controller_began_is_never_done_again(tmp_path: Path) -> None:
    async def scene(place: Bench, answers: Answers) -> None:
        assert await answers.begin("a", "k", "1") is None
        started_again = Answers(Ground(place.database, place.time.now, bytes, "test"))
        with pytest.raises(Conflict, match="look whether"):
            await started_again.begin("a", "k", "1")

    play(tmp_path, scene)

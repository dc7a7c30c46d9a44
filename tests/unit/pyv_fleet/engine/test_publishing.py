"""What the broker retains is what somebody may need, and no more (PROTOCOL 3)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from pyv_fleet.engine.publishing import KEPT_RELEASES
from pyvorin_edge import topics
from pyvorin_edge.identity import Digest
from pyvorin_edge.vocabulary import RuleKind
from running.bench import CONFIG, Bench, bench


def play(path: Path, scene: Callable[[Bench], Awaitable[None]]) -> None:
    async def run() -> None:
        async with bench(path) as place:
            await place.enrol("dev-a")
            await scene(place)

    asyncio.run(run())


def config(number: int) -> bytes:
    return CONFIG + b"poll_interval_seconds = %d\n" % (number + 1)


async def releases(place: Bench, count: int) -> list[Digest]:
    """So many, one after the other, each with a config of its own."""
    made = []
    for number in range(count):
        made.append(Digest(await place.release(f"1.{number}", config(number))))
        place.time.forward(1)
    return made


def retained(place: Bench, digests: list[Digest]) -> list[Digest]:
    return [digest for digest in digests if topics.release(digest) in place.ledger.retained]


def test_the_newest_and_those_that_are_named_stay_and_the_rest_are_cleared(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        made = await releases(place, KEPT_RELEASES + 3)
        await place.order(made[0])
        assert retained(place, made) == [made[0], *made[-KEPT_RELEASES:]]
        assert sum(topic.startswith(f"{topics.ROOT}/blob/") for topic in place.ledger.retained) == KEPT_RELEASES + 1
        await place.order(made[-1])
        assert retained(place, made) == made[-KEPT_RELEASES:]

    play(tmp_path, scene)


def test_going_back_to_a_cleared_release_publishes_it_before_the_order(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        made = await releases(place, KEPT_RELEASES + 1)
        await place.order(made[-1])
        assert retained(place, made) == made[1:]
        before = len(place.ledger.sent)
        await place.order(made[0], RuleKind.ROLLBACK, attempt=2)
        sent = [topic for topic, _ in place.ledger.sent[before:]]
        assert sent.index(topics.release(made[0])) < sent.index(topics.channel("stable"))
        assert retained(place, made) == made

    play(tmp_path, scene)


def test_a_config_that_another_release_needs_stays(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        first = Digest(await place.release("0.9", config(0)))
        place.time.forward(1)
        made = await releases(place, KEPT_RELEASES)
        await place.order(made[-1])
        assert retained(place, [first, *made]) == made
        shared = (await place.desk.release(made[0])).config_sha256
        assert place.ledger.retained[topics.blob(shared)] == config(0)

    play(tmp_path, scene)


def test_nothing_is_cleared_while_the_order_that_named_it_still_stands(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        made = await releases(place, KEPT_RELEASES + 1)
        await place.order(made[0])
        place.ledger.refuses = topics.channel("stable")
        await place.order(made[-1])
        assert made[0] in retained(place, made)

    play(tmp_path, scene)

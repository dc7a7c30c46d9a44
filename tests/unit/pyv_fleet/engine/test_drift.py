"""Drift seen close: by key path, secrets hidden, and asked back of the device that drifted alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pyv_fleet.core.views import RemediateBody
from pyv_fleet.engine.drift import diffs_between
from pyv_fleet.engine.errors import Invalid, NotFound, TimedOut, Unavailable
from pyvorin_edge import topics
from pyvorin_edge.envelope import open_envelope
from pyvorin_edge.identity import DeviceId
from pyvorin_edge.orders import Request, decode_order
from pyvorin_edge.report import DriftState, Response
from pyvorin_edge.vocabulary import DriftKind, ResponseOutcome, Standing, Verb
from running.bench import Bench, bench, said

DRIFTED = DriftState(
    standing=Standing.DRIFTED,
    kinds=(DriftKind.EDITED,),
    applied_hash="a" * 64,
    live_hash="b" * 64,
    paths=("/cloud/api_key", "/logging/level"),
)
CONFIG = b'[logging]\nlevel = "INFO"\n[cloud]\napi_key = "secret"\n'


def play(path: Path, scene: Callable[[Bench], Awaitable[None]]) -> None:
    async def run() -> None:
        async with bench(path) as place:
            await place.enrol("dev-a")
            await place.enrol("dev-b")
            await scene(place)

    asyncio.run(run())


async def asked(place: Bench, device_id: str) -> Request:
    async with asyncio.timeout(5):
        while True:
            for topic, payload in place.ledger.sent:
                if topic == topics.request(device_id):
                    return decode_order(open_envelope(payload).payload, Request)
            await asyncio.sleep(0.005)


async def answer(place: Bench, request: Request, body: dict[str, Any], said_by: str = "dev-a") -> None:
    response = Response(
        v=1,
        request_id=request.request_id,
        device_id=DeviceId(said_by),
        outcome=ResponseOutcome.DONE,
        code=None,
        body=body,
    )
    await place.engine.requests.answered(said_by, msgspec.json.encode(response))


def test_the_difference_is_shown_without_secrets(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        await place.order(await place.release("1.0", CONFIG))
        await place.heard(said("dev-a", channel="stable", drift=DRIFTED))
        looking = asyncio.create_task(place.desk.drift_of("dev-a"))
        request = await asked(place, "dev-a")
        assert request.verb is Verb.SNAPSHOT
        await answer(place, request, {"config": {"logging": {"level": "DEBUG"}, "cloud": {"api_key": "another"}}})
        found = await looking
        assert [(one.pointer, one.golden, one.live) for one in found.diffs] == [
            ("/cloud/api_key", "[redacted]", "[redacted]"),
            ("/logging/level", "INFO", "DEBUG"),
        ]

    play(tmp_path, scene)


def test_only_who_drifted_is_asked_back_and_who_is_unknown_is_named(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        await place.heard(said("dev-a", drift=DRIFTED), said("dev-b"))
        body = RemediateBody(device_ids=("dev-b", "dev-a"), reason="r")
        healing = asyncio.create_task(place.desk.remediate(body, "test"))
        request = await asked(place, "dev-a")
        assert (request.verb, request.args, request.boot_id) == (Verb.REMEDIATE, {"live_hash": "b" * 64}, "one")
        await answer(place, request, {}, said_by="dev-b")
        await answer(place, request, {})
        assert [(one.device_id, one.outcome) for one in await healing] == [
            ("dev-b", "unchanged"),
            ("dev-a", "remediated"),
        ]
        with pytest.raises(NotFound, match="nobody"):
            await place.desk.remediate(RemediateBody(device_ids=("nobody",), reason="r"), "test")

    play(tmp_path, scene)


def test_requests_that_cannot_be_answered_say_why(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        with pytest.raises(Unavailable, match="not reported yet"):
            await place.desk.request("dev-a", Verb.LOGS, {}, "test")
        await place.heard(said("dev-a"))
        with pytest.raises(TimedOut):
            await place.engine.requests.ask("dev-a", Verb.LOGS, {}, "test", wait_seconds=0.01)
        place.ledger.connected = False
        with pytest.raises(Unavailable, match="broker"):
            await place.desk.request("dev-a", Verb.LOGS, {}, "test")
        with pytest.raises(Invalid, match="remediate"):
            await place.desk.request("dev-a", Verb.REMEDIATE, {"live_hash": "x"}, "test")
        with pytest.raises(NotFound):
            await place.desk.request("nobody", Verb.LOGS, {}, "test")

    play(tmp_path, scene)


def test_a_missing_report_is_asked_for_once_a_minute(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        for _ in range(5):
            place.engine.requests.ask_for_report("dev-a", "one")
        place.engine.requests.ask_for_report("dev-b", "one")
        await asked(place, "dev-b")
        assert sum(topic == topics.request("dev-a") for topic, _ in place.ledger.sent) == 1

    play(tmp_path, scene)


def test_pointers_reach_into_lists_and_past_what_is_not_there() -> None:
    golden, live = {"a": [{"b/c": 1}]}, {"a": [{"b/c": 2}], "d": 3}
    assert [(one.pointer, one.golden, one.live) for one in diffs_between(golden, live, ("/x/y",))] == [
        ("/a/0/b~1c", 1, 2),
        ("/d", None, 3),
        ("/x/y", None, None),
    ]

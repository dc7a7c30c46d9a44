"""Drift seen close: by key path, secrets hidden, and asked back of the device that drifted alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pyv_fleet.core.views import AdoptBody, DevicePatch, GroupBody, GroupSpec, RemediateBody
from pyv_fleet.engine.drift import diffs_between
from pyv_fleet.engine.errors import Conflict, Invalid, NotFound, TimedOut, Unavailable
from pyvorin_edge import topics
from pyvorin_edge.canonical import config_hash
from pyvorin_edge.config.redaction import redact
from pyvorin_edge.envelope import open_envelope
from pyvorin_edge.identity import DeviceId, Digest
from pyvorin_edge.orders import EMPTY_OVERLAY, Request, decode_order
from pyvorin_edge.report import DriftState, Response, Result
from pyvorin_edge.vocabulary import DriftKind, Outcome, ResponseOutcome, Standing, Verb
from running.bench import Bench, bench, said

DRIFTED = DriftState(
    standing=Standing.DRIFTED,
    kinds=(DriftKind.EDITED,),
    applied_hash="a" * 64,
    live_hash="b" * 64,
    paths=("/cloud/api_key", "/logging/level"),
)
CONFIG = b'[logging]\nlevel = "INFO"\n[cloud]\napi_key = "secret"\n'


def ran(release: str, golden: str, live: str, *paths: str) -> dict[str, Any]:
    """What a device says that committed a release and drifted since."""
    result = Result(
        release=Digest(release), overlay=EMPTY_OVERLAY, attempt=1, outcome=Outcome.COMMITTED, code=None, detail="", at=1
    )
    drift = DriftState(
        standing=Standing.DRIFTED, kinds=(DriftKind.EDITED,), applied_hash=golden, live_hash=live, paths=paths
    )
    return {"result": result, "drift": drift}


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
        looking = asyncio.create_task(place.desk.drifts.of("dev-a"))
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
        healing = asyncio.create_task(place.desk.drifts.remediate(body, "test"))
        request = await asked(place, "dev-a")
        assert (request.verb, request.args, request.boot_id) == (Verb.REMEDIATE, {"live_hash": "b" * 64}, "one")
        await answer(place, request, {}, said_by="dev-b")
        await answer(place, request, {})
        assert [(one.device_id, one.outcome) for one in await healing] == [
            ("dev-b", "unchanged"),
            ("dev-a", "remediated"),
        ]
        with pytest.raises(NotFound, match="nobody"):
            await place.desk.drifts.remediate(RemediateBody(device_ids=("nobody",), reason="r"), "test")

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


def test_each_golden_value_says_which_layer_gave_it_and_who_set_it(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        await place.order(await place.release("1.0", CONFIG, open_pointers=("/logging", "/windows")))
        spec = GroupSpec(everyone=True, values={"windows": {"default_size": 7}})
        await place.heard(said("dev-a", channel="stable"))
        await place.desk.groups.put("all", GroupBody(spec=spec, reason="less load"), "grace")
        await place.engine.group_steps.tick()
        await place.desk.assignments.change(
            "dev-a", DevicePatch(overlay={"logging": {"level": "WARNING"}}, reason="noisy"), "ada"
        )
        await place.heard(said("dev-a", seq=2, channel="stable", drift=DRIFTED))
        looking = asyncio.create_task(place.desk.drifts.of("dev-a"))
        await answer(place, await asked(place, "dev-a"), {"config": {"cloud": {"api_key": "b"}}, "live_hash": "b" * 64})
        found = {one.pointer: one.source for one in (await looking).diffs if one.source}
        assert {pointer: (one.layer, one.set_by, one.reason) for pointer, one in found.items()} == {
            "/cloud/api_key": ("release 1.0", "test", None),
            "/logging": ("device", "ada", "noisy"),
            "/windows": ("group all", "grace", "less load"),
            "/logging/level": ("device", "ada", "noisy"),
        }

    play(tmp_path, scene)


def test_a_change_that_the_release_opens_is_taken_over_and_is_then_golden(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        digest = await place.release("1.0", CONFIG, open_pointers=("/logging",))
        await place.order(digest)
        live = {"logging": {"level": "DEBUG"}, "cloud": {"api_key": "secret"}}
        hashed, golden = config_hash(live), (await place.desk.release(digest)).golden_hash
        await place.heard(said("dev-a", channel="stable", **ran(digest, golden, hashed, "/logging/level")))
        adopting = asyncio.create_task(
            place.desk.drifts.adoptions.adopt("dev-a", AdoptBody(reason="it is right", live_hash=hashed), "ada")
        )
        await answer(place, await asked(place, "dev-a"), {"config": redact(live), "live_hash": hashed})
        found = await adopting
        assert (found.whole, found.applied, found.own) == (True, True, {"logging": {"level": "DEBUG"}})
        assert (await place.desk.device("dev-a")).drift.golden_hash == hashed
        acts = [(one.act, one.actor, one.reason) for one in (await place.desk.audit(None, 9)).items]
        assert ("drift.adopt", "ada", "it is right") in acts

    play(tmp_path, scene)


def test_what_a_device_would_lose_is_refused_and_so_is_a_change_that_is_another_by_now(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        digest = await place.release("1.0", CONFIG, open_pointers=("/logging",))
        await place.order(digest)
        golden = (await place.desk.release(digest)).golden_hash
        paths = ("/cloud/api_key", "/logging/level")
        await place.heard(said("dev-a", channel="stable", **ran(digest, golden, "b" * 64, *paths)))
        live = {"logging": {"level": "DEBUG"}, "cloud": {"api_key": "[redacted]"}}
        for live_hash, why in (("b" * 64, "write over its own /cloud/api_key"), ("c" * 64, "another by now")):
            body = AdoptBody(reason="r", live_hash=live_hash)
            adopting = asyncio.create_task(place.desk.drifts.adoptions.adopt("dev-a", body, "ada"))
            await answer(place, await asked(place, "dev-a"), {"config": live, "live_hash": "b" * 64})
            with pytest.raises(Conflict, match=why):
                await adopting
            place.ledger.sent.clear()
        with pytest.raises(Conflict, match="not known"):
            await place.desk.drifts.adoptions.look("dev-b")

    play(tmp_path, scene)


def test_the_fleet_is_summed_up_and_a_list_can_be_narrowed(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        await place.heard(said("dev-a", drift=DRIFTED), said("dev-b"))
        rows = {(row.by, row.name): row.devices for row in (await place.desk.drifts.report()).counts}
        assert rows == {
            ("fleet", ""): 2, ("channel", "stable"): 2, ("kind", "edited"): 1,
            ("key", "/cloud/api_key"): 1, ("key", "/logging/level"): 1,
        }  # fmt: skip
        assert [one.device_id for one in await place.desk.drifts.every("stable")] == ["dev-a"]
        assert await place.desk.drifts.every("stable", {"site": "elsewhere"}) == []

    play(tmp_path, scene)


def test_pointers_reach_into_lists_and_past_what_is_not_there() -> None:
    golden, live = {"a": [{"b/c": 1}]}, {"a": [{"b/c": 2}], "d": 3}
    assert [(one.pointer, one.golden, one.live) for one in diffs_between(golden, None, live, ("/x/y",))] == [
        ("/a/0/b~1c", 1, 2),
        ("/d", None, 3),
        ("/x/y", None, None),
    ]

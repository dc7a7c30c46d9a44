"""The article's own words: golden hash, alerts, and its two topics (PROTOCOL 9)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from pyv_fleet.core.views import RolloutSpec
from pyv_fleet.core.words import AuthScope, RolloutState
from pyv_fleet.engine.errors import Forbidden, Invalid, NotFound, Unauthorised
from pyvorin_edge import topics
from pyvorin_edge.identity import Digest
from pyvorin_edge.orders import EMPTY_OVERLAY, Rule
from pyvorin_edge.report import DriftState, Result, Running
from pyvorin_edge.vocabulary import Outcome, RuleKind, Standing
from running.bench import CONFIG, Bench, bench, said

OTHER = CONFIG + b'[logging]\nlevel = "DEBUG"\n'


def play(path: Path, scene: Callable[[Bench], Awaitable[None]]) -> None:
    async def run() -> None:
        async with bench(path) as place:
            await place.enrol("dev-a")
            await scene(place)

    asyncio.run(run())


def article(place: Bench) -> list[tuple[str, dict[str, object]]]:
    wanted = {topics.ARTICLE_CONFIG: "config", topics.ARTICLE_ROLLBACK: "rollback"}
    assert not wanted.keys() & place.ledger.retained.keys()
    return [(wanted[topic], json.loads(payload)) for topic, payload in place.ledger.sent if topic in wanted]


def committed(digest: str, golden: str, *, seq: int, outcome: Outcome = Outcome.COMMITTED) -> tuple[str, bytes]:
    result = Result(
        release=Digest(digest), overlay=EMPTY_OVERLAY, attempt=1, outcome=outcome, code=None, detail="", at=1
    )
    running = Running(
        release=Digest(digest), version=None, config_hash=golden, effective_hash=None, form="sorted-json-1"
    )
    drift = DriftState(standing=Standing.IN_STEP, applied_hash=golden, live_hash=golden)
    return said("dev-a", seq=seq, channel="stable", result=result, running=running, drift=drift)


def test_golden_hash_is_what_is_committed_until_the_device_is_late(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        assert await place.desk.golden_hash("dev-a") is None
        assert await place.desk.golden_hash("nobody") is None
        one = await place.desk.release(await place.release("1.0"))
        await place.order(one.digest)
        await place.heard(committed(one.digest, one.golden_hash, seq=1))
        assert await place.desk.golden_hash("dev-a") == one.golden_hash
        two = await place.desk.release(await place.release("1.1", OTHER))
        await place.order(two.digest)
        assert await place.desk.golden_hash("dev-a") == one.golden_hash, "pending within its deadline"
        assert (await place.desk.device("dev-a")).drift.lag == "pending"
        place.time.forward(3600)
        assert await place.desk.golden_hash("dev-a") == two.golden_hash
        assert (await place.desk.device("dev-a")).drift.lag == "overdue"
        await place.heard(committed(two.digest, two.golden_hash, seq=2))
        drift = (await place.desk.device("dev-a")).drift
        assert (drift.standing, drift.lag, drift.golden_hash) == ("in_step", None, two.golden_hash)

    play(tmp_path, scene)


def test_alerts_are_raised_once_counted_when_they_are_none_and_refused_when_odd(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        await place.desk.article_alert("dev-a", "config_drift", "f" * 64, False)
        assert (await place.desk.alerting.page(None, 9)).items == (), "without a golden it is no drift"
        release = await place.desk.release(await place.release("1.0"))
        await place.order(release.digest)
        await place.heard(committed(release.digest, release.golden_hash, seq=1))
        await place.desk.article_alert("dev-a", "config_drift", release.golden_hash, False)
        assert (await place.desk.alerting.page(None, 9)).items == ()
        for _ in range(2):
            await place.desk.article_alert("dev-a", "config_drift", "f" * 64, False)
        assert [(one.name, one.verified) for one in (await place.desk.alerting.page(None, 9)).items] == [
            ("config_drift", False)
        ]
        with pytest.raises(Invalid):
            await place.desk.article_alert("dev-a", "a b", "", False)
        with pytest.raises(NotFound):
            await place.desk.article_alert("nobody", "fan_broken", "", False)

    play(tmp_path, scene)


def test_a_late_device_and_one_that_cannot_read_its_config_are_told_apart(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        one = await place.desk.release(await place.release("1.0"))
        await place.order(one.digest)
        await place.heard(committed(one.digest, one.golden_hash, seq=1))
        await place.order((await place.desk.release(await place.release("1.1", OTHER))).digest)
        await place.desk.article_alert("dev-a", "config_drift", one.golden_hash, False)
        assert (await place.desk.alerting.page(None, 9)).items == (), "pending within its deadline"
        assert place.desk.article_not_raised == {"config_drift": 1}
        place.time.forward(3600)
        for config_hash, expected in (
            (one.golden_hash, "it lags"),
            ("", "could not make a hash"),
            ("f" * 64, "f" * 64),
        ):
            await place.desk.article_alert("dev-a", "config_drift", config_hash, False)
            (alert,) = (await place.desk.alerting.page(None, 9)).items
            assert expected in alert.detail

    play(tmp_path, scene)


def test_a_release_of_the_whole_channel_is_broadcast_once_and_a_rollback_commanded_once(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        one, two = Digest(await place.release("1.0")), Digest(await place.release("1.1", OTHER))
        await place.order(one)
        await place.desk.refresh_channel("stable", "r", "a")
        wave = Rule(kind=RuleKind.RELEASE, release=two, attempt=1, where={"kind": ("real",)})
        rest = Rule(kind=RuleKind.RELEASE, release=one, attempt=1)
        await place.engine.orders.publish_directive("stable", [wave, rest], reason="r", actor="a")
        assert [(kind, body["version"]) for kind, body in article(place)] == [("config", "1.0")]
        await place.order(two)
        await place.order(one, RuleKind.ROLLBACK, attempt=2)
        await place.desk.refresh_channel("stable", "r", "a")
        kinds = [kind for kind, _ in article(place)]
        assert kinds == ["config", "config", "rollback"]
        update, command = article(place)[1][1], article(place)[2][1]
        assert set(update) == {"version", "timestamp", "config_b64", "checksum_sha256"}
        content = base64.b64decode(str(update["config_b64"]))
        assert (content, update["checksum_sha256"]) == (OTHER, hashlib.sha256(OTHER).hexdigest())
        assert set(command) == {"command", "target_version", "issued_at", "nonce"}
        assert (command["command"], command["target_version"]) == ("rollback", "1.0")

    play(tmp_path, scene)


def test_a_release_is_broadcast_when_its_last_wave_was_good_and_not_when_that_began(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        release = await place.desk.release(await place.release("1.0"))
        await place.heard(said("dev-a", seq=1))
        spec = RolloutSpec(channel="stable", release="1.0", waves=("100%",), soak_seconds=0, reason="first")
        await place.desk.create_rollout(spec, "a", None)
        assert len((await place.desk.channel("stable")).rules) == 1, "the directive says it to all already"
        assert article(place) == []
        await place.heard(committed(release.digest, release.golden_hash, seq=2))
        await place.engine.rollouts.tick()
        assert (await place.desk.rollouts(None, 1)).items[0].state is RolloutState.COMPLETED
        assert [(kind, body["version"]) for kind, body in article(place)] == [("config", "1.0")]
        await place.desk.refresh_channel("stable", "r", "a")
        assert len(article(place)) == 1

    play(tmp_path, scene)


def test_batches_are_stored_once_and_only_for_those_who_may(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        key = await place.key_text()
        body = msgspec.json.encode({"batch_id": "pyv-1", "timestamp": 1.5, "count": 1, "items": [{"a": 1}]})
        assert [await place.desk.ingest(key, body) for _ in range(2)] == [True, False]
        with pytest.raises(Unauthorised):
            await place.desk.ingest("pyvapi1.wrong", body)
        with pytest.raises(Forbidden):
            await place.desk.ingest(await place.key_text(AuthScope.READ), body)
        assert await place.desk.ingest(await place.key_text(AuthScope.INGEST), body), "another key, another sender"
        for bad in (b"{}", b"", b"[", body.replace(b'"count":1', b'"count":2'), body.replace(b'"pyv-1"', b'""')):
            with pytest.raises(Invalid):
                await place.desk.ingest(key, bad)

    play(tmp_path, scene)

"""What devices say ends in the store once, in order, whatever comes with it; only then is it acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyv_fleet.core.views import ChannelBody
from pyv_fleet.engine.errors import Invalid
from pyv_fleet.engine.interface import Heard
from pyv_fleet.engine.words_in import Word, parse_word
from pyv_fleet.store import status
from pyv_fleet.store.status import StatusRecord
from pyvorin_edge import topics
from pyvorin_edge.report import DriftState
from pyvorin_edge.vocabulary import Connectivity, DriftKind, PresenceState, Standing
from running.bench import Bench, beat, bench, presence, report, said

DRIFTED = DriftState(
    standing=Standing.DRIFTED, kinds=(DriftKind.EDITED,), applied_hash="a", live_hash="b", paths=("/logging/level",)
)
IN_STEP = DriftState(standing=Standing.IN_STEP, applied_hash="a", live_hash="a")


def play(path: Path, scene: Callable[[Bench], Awaitable[None]]) -> None:
    async def run() -> None:
        async with bench(path) as place:
            await place.enrol("dev-a")
            await scene(place)

    asyncio.run(run())


async def of(place: Bench, device_id: str = "dev-a") -> StatusRecord:
    async with place.database.read() as connection:
        known = await status.get(connection, device_id)
    assert known is not None
    return known.status


async def firing(place: Bench) -> list[str]:
    return [one.name for one in (await place.desk.alerting.page(None, 100)).items if one.state == "firing"]


def test_reports_and_beats_of_a_batch_end_in_one_row(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        await place.heard(said("dev-a", seq=1), beat("dev-a", seq=2), said("dev-a", seq=4), said("dev-a", seq=3))
        row = await of(place)
        assert (row.seq, row.report_seq, row.connectivity) == (4, 4, Connectivity.ONLINE)
        assert place.acknowledged == 4
        assert place.engine.intake.dropped["late"] == 1

    play(tmp_path, scene)


def test_a_device_without_mqtt_is_online_while_it_polls(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        await place.heard(said("dev-a", seq=1))
        await place.engine.intake.fell_silent(["dev-a"])
        place.time.forward(300)
        place.engine.intake.polled("dev-a")
        await place.engine.intake.drain()
        row = await of(place)
        assert (row.connectivity, row.last_seen) == (Connectivity.ONLINE, place.time.ms)

    play(tmp_path, scene)


def test_the_same_again_changes_nothing(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        await place.heard(said("dev-a", seq=1))
        before = await of(place)
        place.time.forward(10)
        await place.heard(said("dev-a", seq=1))
        assert await of(place) == before

    play(tmp_path, scene)


def test_what_a_broker_delivers_again_after_a_restart_is_no_clone(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        old, new = said("dev-a", boot=1, boot_id="one", seq=7), said("dev-a", boot=2, boot_id="two", seq=1)
        await place.heard(old, new)
        await place.heard(old, new)
        assert await firing(place) == []
        await place.heard(said("dev-a", boot=1, boot_id="one", seq=8))
        assert await firing(place) == ["clone_or_restored"]
        assert (await of(place)).boot_id == "two"

    play(tmp_path, scene)


def test_a_restored_card_is_taken_once_the_other_fell_silent(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        await place.heard(said("dev-a", boot=9, boot_id="nine"))
        place.time.forward(200)
        await place.heard(said("dev-a", boot=3, boot_id="restored"))
        assert (await of(place)).boot_id == "restored"

    play(tmp_path, scene)


def test_drift_raises_one_alert_and_resolves_it(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        await place.heard(said("dev-a", seq=1, drift=DRIFTED), said("dev-a", seq=2, drift=DRIFTED))
        assert await firing(place) == ["config_drift"]
        await place.heard(said("dev-a", seq=3, drift=DriftState(standing=Standing.UNKNOWN)))
        assert await firing(place) == ["config_drift"], "not known is not resolved"
        await place.heard(said("dev-a", seq=4, drift=IN_STEP))
        assert await firing(place) == []

    play(tmp_path, scene)


def test_a_will_makes_offline_and_silence_lost(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        await place.heard(presence("dev-a", PresenceState.ONLINE), said("dev-a"))
        await place.heard(presence("dev-a", PresenceState.OFFLINE))
        assert (await of(place)).connectivity is Connectivity.ONLINE
        place.time.forward(0.5)
        await place.heard()
        assert (await of(place)).connectivity is Connectivity.OFFLINE
        await place.heard(presence("dev-a", PresenceState.ONLINE, conn=2), said("dev-a", conn=2, seq=2))
        assert (await of(place)).connectivity is Connectivity.ONLINE
        await place.engine.sweeps.lost(place.engine.intake, place.engine.paces, place.engine.ear.since_or_none)
        assert (await of(place)).connectivity is Connectivity.ONLINE
        place.time.forward(186)
        await place.engine.sweeps.lost(place.engine.intake, place.engine.paces, place.engine.ear.since_or_none)
        assert (await of(place)).connectivity is Connectivity.LOST
        await place.heard(presence("dev-a", PresenceState.OFFLINE, conn=2))
        place.time.forward(1)
        await place.heard()
        assert (await of(place)).connectivity is Connectivity.LOST, "a will that comes later leaves it lost"

    play(tmp_path, scene)


def test_a_device_without_a_directive_keeps_the_default_pace(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        await place.desk.put_channel("stable", ChannelBody(beat_seconds=1), "test")
        await place.enrol("dev-b")
        await place.heard(said("dev-a"), said("dev-b", generation=5))
        place.time.forward(9)
        await place.engine.sweeps.lost(place.engine.intake, place.engine.paces, place.engine.ear.since_or_none)
        assert (await of(place)).connectivity is Connectivity.ONLINE
        assert (await of(place, "dev-b")).connectivity is Connectivity.LOST

    play(tmp_path, scene)


def test_nobody_is_lost_while_nobody_listened(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        await place.heard(said("dev-a"))
        place.engine.reception.disconnected()
        place.time.forward(3600)
        sweep = place.engine.sweeps.lost(place.engine.intake, place.engine.paces, place.engine.ear.since_or_none)
        await sweep
        place.engine.reception.connected()
        place.time.forward(100)
        await place.engine.sweeps.lost(place.engine.intake, place.engine.paces, place.engine.ear.since_or_none)
        assert (await of(place)).connectivity is Connectivity.ONLINE

    play(tmp_path, scene)


def test_observers_hear_of_reports_and_of_changes_after_they_are_stored(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        told: list[tuple[str, str | None]] = []

        async def faulty(_: Sequence[Heard]) -> None:
            raise RuntimeError("an observer's own fault")

        async def listen(heard: Sequence[Heard]) -> None:
            for one in heard:
                assert (await of(place)).seq == one.after.seq
                told.append((one.after.connectivity, None if one.report is None else one.report.boot_id))

        place.engine.intake.observers[:] = [faulty, listen]
        await place.heard(said("dev-a", seq=1))
        await place.heard(beat("dev-a", seq=2))
        assert told == [("online", "one")]

    play(tmp_path, scene)


def test_a_report_over_http_is_stored_when_it_is_answered(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        raw = msgspec.json.encode(report("dev-a", seq=5))
        accepting = asyncio.create_task(place.desk.accept_report("dev-a", raw))
        await asyncio.sleep(0)
        await place.engine.intake.drain()
        await accepting
        assert (await of(place)).seq == 5
        with pytest.raises(Invalid, match="device_id"):
            await place.desk.accept_report("dev-b", raw)

    play(tmp_path, scene)


def test_impossible_numbers_hold_up_nobody(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        huge = 10**30
        await place.heard(
            said("dev-a", boot=huge),
            said("dev-a", generation=huge),
            said("dev-a", drift=msgspec.structs.replace(DRIFTED, since=huge)),
            (topics.beat("dev-a"), b'{"b":1,"c":1,"s":1,"of":1,"m":[1,1,1,1,%d]}' % huge),
            said("dev-a", seq=3, health={"cloud": {"queue_depth": huge}, "metrics": {"cpu_percent": "hot"}}),
            said("nobody"),
        )
        row = await of(place)
        assert (row.seq, row.queue_depth, row.cpu_percent) == (3, None, None)
        assert place.acknowledged == 6

    play(tmp_path, scene)


@given(payload=st.binary(max_size=300) | st.text(max_size=200).map(str.encode), retained=st.booleans())
def test_no_bytes_break_the_parser(payload: bytes, retained: bool) -> None:
    for topic in (topics.report("dev-a"), topics.beat("dev-a"), topics.presence("dev-a"), "pyvorin/fleet/v1/shard/x"):
        assert isinstance(parse_word(topic, payload, retained=retained), Word | str)


def test_a_report_under_another_shard_is_dropped() -> None:
    topic, payload = said("dev-a")
    elsewhere = topic.replace(f"/{topic.split('/')[4]}/", "/99/")
    assert parse_word(elsewhere, payload, retained=False) == "foreign topic"

"""Channels as people read them: whom a rule means, and what somebody changed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from pyv_fleet.core.policy import Herd, HoldOut
from pyv_fleet.core.spans import parse_span
from pyv_fleet.core.views import ChannelBody
from pyv_fleet.engine.channels import matches_of, part_of
from pyv_fleet.engine.errors import Conflict, Invalid, NotFound, Stale
from pyv_fleet.engine.orders import directive_of
from pyv_fleet.store import orders as directives
from pyv_fleet.store.rollouts import WaveRecord
from pyvorin_edge.orders import Rule, Window
from pyvorin_edge.vocabulary import DriftPolicy, RuleKind
from running.bench import Bench, bench

LINE = "1" + "0" * 15
WAVE = WaveRecord(rollout_id="r-1", wave=0, cohort="1%", rule={"where": None, "below": LINE}, tally={"devices": 1})


def rule(**terms: object) -> Rule:
    return msgspec.convert({"kind": RuleKind.RELEASE.value, "release": "a" * 64, "attempt": 1, **terms}, Rule)


CUT = rule(salt="s" * 32, below=LINE)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (rule(), "all"),
        (rule(hold=True), "devices that hold it already"),
        (rule(where={"kind": ["real"], "site": ["a", "b"]}), "kind=real site=a|b"),
        (rule(ids=["FLEET-1"]), "1 device"),
        (CUT, "wave 1: 1 of 103 devices"),
    ],
)
def test_whom_a_rule_means_is_said_in_words(made: Rule, said: str) -> None:
    assert matches_of(made, part_of(made, [WAVE], 103)) == said


@pytest.mark.parametrize("waves", [[], [msgspec.structs.replace(WAVE, rule=None)]])
def test_a_line_of_no_known_wave_is_a_part(waves: list[WaveRecord]) -> None:
    assert matches_of(CUT, part_of(CUT, waves, 103)) == "a part of the devices"


def test_the_audit_log_says_which_terms_were_changed(tmp_path: Path) -> None:
    async def scene() -> list[str]:
        async with bench(tmp_path) as place:
            await place.desk.put_channel("beta", ChannelBody(), "me")
            await place.desk.put_channel("beta", ChannelBody(), "me")
            body = ChannelBody(drift_policy=DriftPolicy.REMEDIATE, report_seconds=30)
            await place.desk.put_channel("beta", body, "me")
            done = (await place.desk.audit(None, 9)).items
            return [f"{one.act}: {one.reason}" for one in done if one.subject == "beta"]

    assert asyncio.run(scene()) == [
        "channel.change: drift policy from alert to remediate, report seconds from 900 to 30",
        "channel.create: with the terms that every channel begins with",
    ]


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as place:
            with pytest.raises(Invalid):
                await place.desk.put_channel("no channel/name", ChannelBody(), "me")
            with pytest.raises(NotFound):
                await place.desk.refresh_channel("nope", "x", "me")
            with pytest.raises(Conflict, match="roll a release out first"):
                await place.desk.refresh_channel("stable", "x", "me")

    asyncio.run(scene())


def test_hold_outs_are_in_force_at_once_and_gone_at_once(tmp_path: Path) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as place:
            old, new = await place.release("1.0"), await place.release("1.1")
            await place.order(old)
            await place.order(new)
            held = HoldOut(where={"site": ("lab",)}, release="1.0")
            shown = await place.desk.put_channel("stable", ChannelBody(hold_outs=(held,)), "me")
            assert [(rule.release, rule.matches) for rule in shown.rules] == [(old, "site=lab"), (new, "all")]
            shown = await place.desk.put_channel("stable", ChannelBody(), "me")
            assert [rule.release for rule in shown.rules] == [new]

    asyncio.run(scene())


def test_a_hold_out_is_no_way_to_a_release_that_never_was_the_channels(tmp_path: Path) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as place:
            await place.enrol("dev-a")
            await place.order(await place.release("1.0"))
            await place.release("2.0")
            kind = (await place.desk.device("dev-a")).labels
            held = HoldOut(where={name: (value,) for name, value in kind.items()}, release="2.0")
            with pytest.raises(Conflict, match="no way to a new release"):
                await place.desk.put_channel("stable", ChannelBody(hold_outs=(held,)), "me")
            nobody = HoldOut(where={"site": ("nowhere",)}, release="2.0")
            await place.desk.put_channel("stable", ChannelBody(hold_outs=(nobody,)), "me")

    asyncio.run(scene())


def test_a_herd_makes_releases_wait_for_turns_at_once_and_never_a_rollback(tmp_path: Path) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as place:
            await place.order(await place.release("1.0"))
            await place.desk.put_channel("stable", ChannelBody(herd=Herd(at_once=2, label="site")), "me")
            assert (await _turns(place)) == ([True], ("turn",))
            back = await place.order(await place.release("1.1"), RuleKind.ROLLBACK)
            assert ([rule.turn for rule in back.rules], back.crit) == ([False], ())
            await place.order(await place.release("1.2"))
            await place.desk.put_channel("stable", ChannelBody(), "me")
            assert (await _turns(place)) == ([False], ())

    asyncio.run(scene())


def test_a_herd_by_which_nobody_could_ever_begin_is_refused(tmp_path: Path) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as place:
            with pytest.raises(Invalid, match="herd"):
                await place.desk.put_channel("stable", ChannelBody(herd=Herd(at_once=2, label="no label")), "me")
            apart = Window(download=parse_span("daily 08:00-20:00"), activate=parse_span("sat 01:00-04:00"))
            with pytest.raises(Invalid, match="never open together"):
                await place.desk.put_channel("stable", ChannelBody(herd=Herd(at_once=2), window=apart), "me")

    asyncio.run(scene())


async def _turns(place: Bench) -> tuple[list[bool], tuple[str, ...]]:
    async with place.database.read() as connection:
        record = await directives.current(connection, "stable")
    assert record is not None
    order = directive_of(record)
    return [rule.turn for rule in order.rules], order.crit


def test_only_a_channel_that_nobody_is_led_to_and_that_never_ordered_is_deleted(tmp_path: Path) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as place:
            for name in ("empty", "led-to", "ordered"):
                await place.desk.put_channel(name, ChannelBody(), "me")
            await place.token(channel="led-to")
            await place.engine.orders.publish_directive(
                "ordered", [rule(release=await place.release("1.0"))], reason="x", actor="me"
            )
            for name, why in (("led-to", "still brings devices"), ("ordered", "orders at the broker")):
                with pytest.raises(Conflict, match=why):
                    await place.desk.delete_channel(name, "x", "me")
            await place.desk.delete_channel("empty", "typo", "me")
            with pytest.raises(NotFound):
                await place.desk.delete_channel("empty", "typo", "me")
            assert "empty" not in [one.name for one in await place.desk.channels()]

    asyncio.run(scene())


def test_a_change_is_held_to_what_was_seen(tmp_path: Path) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as place:
            seen = (await place.desk.put_channel("beta", ChannelBody(), "me", seen="")).etag
            after = await place.desk.put_channel("beta", ChannelBody(beat_seconds=7), "me", seen=seen)
            for stale in (seen, ""):
                with pytest.raises(Stale):
                    await place.desk.put_channel("beta", ChannelBody(beat_seconds=8), "you", seen=stale)
            assert await place.desk.channel("beta") == after

    asyncio.run(scene())

"""What is ignored reaches devices with the next order, and is no more in force when its time is over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from pyv_fleet.core.views import (
    ChannelBody,
    GroupBody,
    GroupDrift,
    GroupSpec,
    GroupVerb,
    IgnoreBody,
    UnignoreBody,
)
from pyv_fleet.engine.errors import Invalid, NotFound
from pyvorin_edge import topics
from pyvorin_edge.envelope import open_envelope
from pyvorin_edge.identity import ChannelName
from pyvorin_edge.orders import Assignment, Directive, OwnDriftTerms, decode_order
from pyvorin_edge.vocabulary import DriftPolicy
from running.bench import Bench, bench


def play(path: Path, scene: Callable[[Bench], Awaitable[None]]) -> None:
    async def run() -> None:
        async with bench(path) as place:
            await scene(place)

    asyncio.run(run())


async def told(place: Bench, device_id: str) -> OwnDriftTerms | None:
    """What the device's assignment says about drift, once the groups' steps are done."""
    await place.engine.group_steps.tick()
    envelope = open_envelope(place.ledger.retained[topics.assignment(device_id)])
    return decode_order(envelope.payload, Assignment).drift


def ordered(place: Bench) -> list[str]:
    envelope = open_envelope(place.ledger.retained[topics.channel(ChannelName("stable"))])
    return [one.pointer for one in decode_order(envelope.payload, Directive).drift.ignore]


def body(pointer: str = "/logging/level", days: int | None = 1, channel: str | None = "stable") -> IgnoreBody:
    return IgnoreBody(channel=channel, pointer=pointer, reason="ticket 4711", days=days)


def test_a_rule_is_ordered_at_once_ends_by_itself_and_is_seen_to_have_ended(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        await place.order(await place.release("1.0"))
        (made,) = await place.desk.drifts.ignores.add(body(), "me")
        assert (made.channel, made.pointer, made.set_by, made.in_force) == ("stable", "/logging/level", "me", True)
        assert ordered(place) == ["/logging/level"]
        await place.desk.put_channel("stable", ChannelBody(report_seconds=30), "me")
        assert ordered(place) == ["/logging/level"], "other terms leave it alone"
        place.time.forward(86_401)
        assert [one.in_force for one in await place.desk.drifts.ignores.every()] == [False]
        await place.desk.refresh_channel("stable", "r", "me")
        assert ordered(place) == []
        acts = [(one.act, one.actor) for one in (await place.desk.audit(None, 9)).items]
        assert ("drift.ignore", "me") in acts

    play(tmp_path, scene)


def test_a_rule_taken_away_is_out_of_the_order_and_what_is_not_there_is_said(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        await place.order(await place.release("1.0"))
        await place.desk.drifts.ignores.add(body(), "me")
        gone = UnignoreBody(channel="stable", pointer="/logging/level", reason="mended")
        assert await place.desk.drifts.ignores.remove(gone, "me") == ()
        assert ordered(place) == []
        with pytest.raises(NotFound, match="does not ignore"):
            await place.desk.drifts.ignores.remove(gone, "me")
        with pytest.raises(NotFound, match="nowhere"):
            await place.desk.drifts.ignores.add(body(channel="nowhere"), "me")
        for bad in (body(pointer="level"), body(days=None), body(channel=None)):
            with pytest.raises(Invalid):
                await place.desk.drifts.ignores.add(bad, "me")

    play(tmp_path, scene)


def test_a_groups_policy_and_rules_reach_its_members_at_once_and_leave_with_it(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        await place.enrol("dev-in")
        await place.enrol("dev-out")
        spec = GroupSpec(ids=("dev-in",), drift=GroupDrift(policy=DriftPolicy.REMEDIATE))
        await place.desk.groups.put("lab", GroupBody(spec=spec, reason="r"), "me")
        assert await told(place, "dev-in") == OwnDriftTerms(policy=DriftPolicy.REMEDIATE)
        assert await told(place, "dev-out") is None
        body = IgnoreBody(group="lab", pointer="/logging", reason="they look into it", days=2)
        (made,) = await place.desk.drifts.ignores.add(body, "ada")
        assert (made.group, made.set_by, made.in_force) == ("lab", "ada", True)
        found = await told(place, "dev-in")
        assert found is not None
        assert [(one.pointer, one.reason) for one in found.ignore] == [("/logging", "they look into it")]
        assert found.policy is DriftPolicy.REMEDIATE
        await place.desk.groups.delete("lab", GroupVerb(reason="r"), "me")
        assert await told(place, "dev-in") is None

    play(tmp_path, scene)

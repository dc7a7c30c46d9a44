"""From an alert to its receivers: grouped, once, durable, again until taken, given up at last."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pyv_fleet.core.notifying import Timing, ToldAlert
from pyv_fleet.core.silences import Matcher
from pyv_fleet.core.views import AlertVerb, SilenceSpec, SilenceVerb
from pyv_fleet.core.words import AlertName, AlertState, Severity
from pyv_fleet.engine.errors import Invalid, NotFound
from pyv_fleet.engine.outlets import Outlets, Telling
from pyv_fleet.sinks.interface import Letter, NotTaken
from running.bench import Bench, bench

TIMING = Timing(group_wait_seconds=30, group_interval_seconds=300, repeat_seconds=3600, give_up_seconds=7200)


@dataclass
class Post:
    """A sink and a mirror in one: keeps what it takes, unless it is told to fail."""

    name: str = "ops"
    least: Severity = Severity.INFO
    place: str = "here"
    every_seconds: int = 60
    fails: NotTaken | None = None
    letters: list[Letter] = field(default_factory=list)
    shown: list[list[str]] = field(default_factory=list)

    async def send(self, letter: Letter) -> None:
        if self.fails is not None:
            raise self.fails
        self.letters.append(letter)

    async def show(self, fleet: str, alerts: list[ToldAlert], now_ms: int) -> None:
        if self.fails is not None:
            raise self.fails
        self.shown.append(sorted(f"{one.name} {one.state}" for one in alerts))


class Desk:
    """A bench with one sink and one mirror."""

    def __init__(self, made: Bench) -> None:
        self.made, self.post, self.mirror = made, Post(), Post("am")
        self.restart()

    def restart(self) -> None:
        """Another controller on the same store."""
        ground = self.made.engine.desk._parts.ground
        telling = Telling(timing=TIMING, sinks=(self.post,), mirrors=(self.mirror,))
        self.outlets = Outlets(ground, self.made.engine.alerting, telling)

    async def alarm(self, name: str = "x", subject: str = "s", **labels: str) -> None:
        async with self.made.database.begin() as connection:
            await self.made.engine.alerting.raise_alert(
                connection, name, detail="it is", subject=subject, labels=labels
            )

    async def over(self, name: str = "x", subject: str = "s") -> None:
        async with self.made.database.begin() as connection:
            await self.made.engine.alerting.resolve(connection, name, subject)

    async def later(self, seconds: float) -> list[str]:
        """What the sink was sent in that time."""
        self.made.time.forward(seconds)
        before = len(self.post.letters)
        await self.outlets.notifier.tick()
        while await self.outlets.deliveries.deliver("ops"):
            pass
        return [one.notification.subject for one in self.post.letters[before:]]

    async def names(self) -> list[str]:
        found = await self.made.desk.alerting.page(None, 99, state=AlertState.FIRING)
        return sorted(one.name for one in found.items)

    async def newest(self) -> str:
        return (await self.made.desk.alerting.page(None, 1)).items[0].id


def test_a_group_is_told_once_together_and_then_that_it_is_over(tmp_path: Path) -> None:
    async def run() -> None:
        async with bench(tmp_path) as made:
            desk = Desk(made)
            await desk.alarm(subject="a", site="berlin")
            assert await desk.later(0) == []
            await desk.alarm(subject="b", site="berlin")
            await desk.alarm(subject="c", site="rome")
            assert sorted(await desk.later(31)) == ["x site=berlin: 2 firing"]
            assert await desk.later(30) == ["x site=rome: 1 firing (it is)"]
            assert await desk.later(600) == []
            await desk.over(subject="a")
            assert await desk.later(0) == ["x site=berlin: 1 firing, 1 resolved"]
            await desk.over(subject="b")
            assert await desk.later(0) == []
            assert await desk.later(300) == ["x site=berlin: 1 resolved (it is)"]

    asyncio.run(run())


def test_what_came_and_went_within_the_wait_is_not_told(tmp_path: Path) -> None:
    async def run() -> None:
        async with bench(tmp_path) as made:
            desk = Desk(made)
            await desk.alarm()
            await desk.later(0)
            await desk.over()
            assert await desk.later(60) == []

    asyncio.run(run())


def test_what_holds_is_told_again_seldom_and_not_once_somebody_has_seen_it(tmp_path: Path) -> None:
    async def run() -> None:
        async with bench(tmp_path) as made:
            desk = Desk(made)
            async with made.database.begin() as connection:
                await made.engine.alerting.raise_alert(connection, AlertName.ROLLOUT_STOPPED, detail="d", subject="r")
            await desk.later(0)
            assert len(await desk.later(31)) == 1
            assert len(await desk.later(3600)) == 1
            assert desk.post.letters[-1].notification.repeated
            seen = await made.desk.acknowledge(await desk.newest(), AlertVerb(reason="on it"), "anna")
            assert (seen.state, seen.acknowledged_by) == (AlertState.FIRING, "anna")
            assert await desk.later(3600) == []
            await desk.over(AlertName.ROLLOUT_STOPPED, "r")
            assert len(await desk.later(300)) == 1

    asyncio.run(run())


def test_a_silence_mutes_what_is_told_and_not_what_holds(tmp_path: Path) -> None:
    async def run() -> None:
        async with bench(tmp_path) as made:
            desk = Desk(made)
            spec = SilenceSpec(matcher=Matcher(names=("x",)), seconds=3600, reason="works")
            silence = await made.desk.silences.create(spec, "anna")
            await desk.alarm()
            await desk.later(0)
            assert await desk.later(60) == []
            view = (await made.desk.alerting.page(None, 1)).items[0]
            assert (view.state, view.silenced_by) == (AlertState.FIRING, silence.id)
            await desk.outlets.deliveries._mirrors.show("am")
            assert desk.mirror.shown == [[]]
            ended = await made.desk.silences.end(silence.id, SilenceVerb(reason="done"), "bert")
            assert (ended.in_force, ended.ended_by) == (False, "bert")
            await desk.later(0)
            assert await desk.later(31) == ["x: 1 firing (it is)"]
            acts = [one.act for one in (await made.desk.audit(None, 9)).items]
            assert acts[:2] == ["silence.end", "silence.create"]
            with pytest.raises(Invalid):
                await made.desk.silences.create(SilenceSpec(matcher=Matcher(), seconds=1, reason="r"), "anna")
            with pytest.raises(NotFound):
                await made.desk.silences.end("nobody", SilenceVerb(reason="r"), "anna")

    asyncio.run(run())


def test_a_sink_that_is_away_gets_everything_in_order_under_the_same_ids_after_a_restart(tmp_path: Path) -> None:
    async def run() -> None:
        async with bench(tmp_path) as made:
            desk = Desk(made)
            desk.post.fails = NotTaken("it is away")
            await desk.alarm("first")
            await desk.later(0)
            await desk.later(31)
            await desk.alarm("second")
            await desk.later(1)
            await desk.later(31)
            (view,) = [one for one in await desk.outlets.deliveries.every() if one.name == "ops"]
            assert (view.waiting, view.error) == (2, "it is away")
            desk.restart()
            desk.post.fails = None
            assert await desk.later(300) == ["first: 1 firing (it is)", "second: 1 firing (it is)"]
            assert await desk.later(300) == []
            assert len({one.id for one in desk.post.letters}) == 2

    asyncio.run(run())


def test_a_controller_that_dies_after_the_sink_took_it_sends_it_again_under_the_same_id(tmp_path: Path) -> None:
    async def run() -> None:
        async with bench(tmp_path) as made:
            desk = Desk(made)
            await desk.alarm()
            await desk.later(0)
            made.time.forward(31)
            await desk.outlets.notifier.tick()
            kept = desk.post.send

            async def dies(letter: Letter) -> None:
                await kept(letter)
                raise asyncio.CancelledError

            desk.post.send = dies  # type: ignore[method-assign]
            with pytest.raises(asyncio.CancelledError):
                await desk.outlets.deliveries.deliver("ops")
            desk.post.send = kept  # type: ignore[method-assign]
            desk.restart()
            await desk.later(1)
            first, second = desk.post.letters
            assert (first.id, first.notification) == (second.id, second.notification)

    asyncio.run(run())


def test_what_is_given_up_is_an_alert_of_its_own_that_ends_with_the_next_success(tmp_path: Path) -> None:
    async def run() -> None:
        async with bench(tmp_path) as made:
            desk = Desk(made)
            desk.post.fails = NotTaken("it is away")
            await desk.alarm()
            await desk.later(0)
            await desk.later(31)
            await desk.later(7200)
            assert await desk.names() == [AlertName.UNDELIVERED, "x"]
            desk.post.fails = None
            await desk.later(0)
            await desk.later(31)
            assert await desk.names() == ["x"]

    asyncio.run(run())


def test_a_notification_that_a_sink_will_never_take_holds_up_no_other(tmp_path: Path) -> None:
    async def run() -> None:
        async with bench(tmp_path) as made:
            desk = Desk(made)
            desk.post.fails = NotTaken("it answered HTTP 400", for_good=True)
            await desk.alarm()
            await desk.later(0)
            await desk.later(31)
            desk.post.fails = None
            await desk.alarm("y")
            await desk.later(0)
            assert "y: 1 firing (it is)" in await desk.later(31)

    asyncio.run(run())


def test_an_alertmanager_is_shown_all_that_holds_and_what_ended_lately(tmp_path: Path) -> None:
    async def run() -> None:
        async with bench(tmp_path) as made:
            desk = Desk(made)
            mirrors = desk.outlets.deliveries._mirrors
            await desk.alarm("x")
            await desk.alarm("y")
            await mirrors.show("am")
            await desk.over("x")
            made.time.forward(60)
            await mirrors.show("am")
            made.time.forward(3600)
            await mirrors.show("am")
            await mirrors.show("am")
            assert desk.mirror.shown[:2] == [["x firing", "y firing"], ["x resolved", "y firing"]]
            assert desk.mirror.shown[-1] == ["y firing"]

    asyncio.run(run())


def test_a_sink_can_be_tried(tmp_path: Path) -> None:
    async def run() -> None:
        async with bench(tmp_path) as made:
            desk = Desk(made)
            assert (await desk.outlets.deliveries.test("ops")).taken
            assert desk.post.letters[0].notification.test
            desk.post.fails = NotTaken("it is away")
            found = await desk.outlets.deliveries.test("ops")
            assert (found.taken, found.detail) == (False, "it is away")
            assert (await desk.outlets.deliveries.test("am")).taken
            with pytest.raises(NotFound):
                await desk.outlets.deliveries.test("nobody")

    asyncio.run(run())


def test_without_sinks_nothing_is_told_and_nothing_taken_for_told(tmp_path: Path) -> None:
    async def run() -> None:
        async with bench(tmp_path) as made:
            desk = Desk(made)
            await desk.alarm()
            made.time.forward(3600)
            await made.engine.outlets.notifier.tick()
            await desk.later(0)
            assert len(await desk.later(31)) == 1

    asyncio.run(run())

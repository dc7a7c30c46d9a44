"""Polls of `/health` beside MQTT: an address from an operator, a sentence for whoever hangs, nothing for who is off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from pyv_fleet.core.polling import PollAddress
from pyv_fleet.core.words import PollOutcome
from pyv_fleet.engine.polls import PollPlan
from pyvorin_edge.vocabulary import PresenceState
from running.bench import Bench, bench, presence, said

WELL = b'{"status": "healthy", "agent": {"running": true}}'


class Health:
    """A health server that can hang."""

    body = WELL
    hangs = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if self.hangs:
            await reader.read()  # until the poller goes
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(self.body) + self.body)
        writer.close()


@asynccontextmanager
async def polled(path: Path, health: Health) -> AsyncIterator[Bench]:
    server = await asyncio.start_server(health.serve, "127.0.0.1", 0)
    address = PollAddress("127.0.0.1", server.sockets[0].getsockname()[1])
    addresses = {"dev-a": address, "not-enrolled": address}
    async with server, bench(path, polls=PollPlan(addresses=addresses, timeout_seconds=0.3)) as place:
        await place.enrol("dev-a")
        await place.enrol("dev-b")
        await place.heard(said("dev-a"), said("dev-b"))
        yield place


def play(path: Path, health: Health, scene: Callable[[Bench], Awaitable[None]]) -> None:
    async def run() -> None:
        async with polled(path, health) as place:
            await scene(place)

    asyncio.run(run())


def test_a_device_that_answers_has_its_address_and_needs_nobody(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        await place.engine.polls.poll()
        view = await place.desk.device("dev-a")
        assert view.polled is not None
        assert (view.polled.outcome, view.polled.detail) == (PollOutcome.ANSWERED, "it says that it is 'healthy'")
        assert view.attention == ()
        assert (await place.desk.device("dev-b")).polled is None
        ips = {one.device_id: one.ip for one in (await place.desk.snapshot()).devices}
        assert ips == {"dev-a": "127.0.0.1", "dev-b": ""}

    play(tmp_path, Health(), scene)


def test_only_devices_that_are_enrolled_are_polled(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        await place.engine.polls.poll()
        assert dict(place.engine.polls.outcomes) == {PollOutcome.ANSWERED: 1}

    play(tmp_path, Health(), scene)


def test_one_that_hangs_while_mqtt_calls_it_online_needs_attention_by_the_second_poll(tmp_path: Path) -> None:
    health = Health()

    async def scene(place: Bench) -> None:
        health.hangs = True
        await place.engine.polls.poll()
        assert (await place.desk.attention(5000, 90.0)) == ()
        await place.engine.polls.poll()
        needy = await place.desk.attention(5000, 90.0)
        assert [one.device_id for one in needy] == ["dev-a"]
        assert "did not answer in time" in needy[0].causes[0]
        health.hangs = False
        await place.engine.polls.poll()
        assert (await place.desk.attention(5000, 90.0)) == ()

    play(tmp_path, health, scene)


def test_nonsense_keeps_its_own_name(tmp_path: Path) -> None:
    health = Health()

    async def scene(place: Bench) -> None:
        for body in (b"[", b"{}"):
            health.body = body
            await place.engine.polls.poll()
        assert dict(place.engine.polls.outcomes) == {PollOutcome.JSON: 1, PollOutcome.FIELD: 1}
        assert "status" in (await place.desk.device("dev-a")).attention[0]

    play(tmp_path, health, scene)


def test_one_that_is_offline_is_said_to_be_offline_and_no_more(tmp_path: Path) -> None:
    health = Health()

    async def scene(place: Bench) -> None:
        await place.heard(presence("dev-a", PresenceState.ONLINE), presence("dev-a", PresenceState.OFFLINE))
        place.time.forward(1)
        await place.heard()
        health.hangs = True
        for _ in range(2):
            await place.engine.polls.poll()
        causes = (await place.desk.device("dev-a")).attention
        assert len(causes) == 1
        assert "offline" in causes[0]

    play(tmp_path, health, scene)

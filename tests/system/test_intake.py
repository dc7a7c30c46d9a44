"""Reports, presence and orders between the real engine, the real mosquitto and devices of paho with certificates."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import msgspec
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from pyv_fleet.broker.fetch import Mosquitto, obtain
from pyv_fleet.core.release import build_release
from pyv_fleet.core.views import ChannelBody, RemediateBody
from pyv_fleet.engine.errors import TimedOut
from pyv_fleet.engine.interface import Heard, HeardObserver
from pyv_fleet.link.mqtt import LinkSettings
from pyv_fleet.trust.root_document import next_root
from pyv_fleet.trust.signing import DirectiveSigner, sign_release
from pyvorin_edge import topics
from pyvorin_edge.envelope import open_envelope
from pyvorin_edge.orders import Assignment, Directive, Request, Rule, decode_order
from pyvorin_edge.report import DriftState, Response
from pyvorin_edge.vocabulary import (
    ConfigFormat,
    Connectivity,
    DriftKind,
    ResponseOutcome,
    RuleKind,
    Standing,
    Verb,
)
from running.joint import PahoDevice, Place, controller, until

AnOrder = TypeVar("AnOrder", Directive, Assignment)
Scene = Callable[[Place], Awaitable[None]]
CONFIG = b"""
[sensors]
devices = [{ name = "temp-01", ingest_type = "simulator", sensor_type = "temperature", unit = "C" }]
"""


@pytest.fixture(scope="session")
def mosquitto() -> Mosquitto:
    return obtain()


@pytest.fixture
def play(tmp_path: Path, mosquitto: Mosquitto) -> Callable[[Scene], None]:
    async def run(scene: Scene) -> None:
        async with controller(tmp_path, mosquitto, article_channel="stable") as place:
            await scene(place)

    return lambda scene: asyncio.run(run(scene))


async def is_at(place: Place, device: PahoDevice, connectivity: Connectivity) -> bool:
    return (await place.desk.device(device.device_id)).connectivity is connectivity


async def publish_release(place: Place, version: str = "1.0") -> str:
    release = build_release(CONFIG, fleet="test", version=version, format=ConfigFormat.TOML)
    view, _ = await place.desk.publish_release(sign_release(release, place.release_key), CONFIG, "test")
    return view.digest


async def order(place: Place, digest: str, kind: RuleKind = RuleKind.RELEASE, attempt: int = 1) -> Directive:
    rule = msgspec.convert({"kind": kind.value, "release": digest, "attempt": attempt}, Rule)
    return await place.engine.orders.publish_directive("stable", [rule], reason="test", actor="test")


def retained(device: PahoDevice, topic: str, into: type[AnOrder]) -> AnOrder | None:
    payload = device.got.get(topic)
    return None if payload is None else decode_order(open_envelope(payload).payload, into)


def test_a_report_is_stored_and_shown(play: Callable[[Scene], None]) -> None:
    async def scene(place: Place) -> None:
        device = await place.device("dev-a", site="berlin")
        assert await is_at(place, device, Connectivity.NEVER_SEEN)
        await device.connect()
        device.send_report()
        await until(lambda: is_at(place, device, Connectivity.ONLINE))
        await until(lambda: _reported(place, "dev-a"))
        view = await place.desk.device("dev-a")
        assert (view.health_status, view.labels, view.boot) == ("healthy", {"site": "berlin"}, 1)
        snapshot = await place.desk.snapshot()
        assert (snapshot.total_devices, snapshot.healthy_count, snapshot.avg_cpu) == (1, 1, 12.5)
        found = await place.desk.devices(None, {"site": "berlin"}, Connectivity.ONLINE, None, None, 10)
        assert [one.device_id for one in found.items] == ["dev-a"]

    play(scene)


def test_a_killed_device_is_offline_within_a_second_and_back_when_it_returns(play: Callable[[Scene], None]) -> None:
    async def scene(place: Place) -> None:
        device = await place.device("dev-a")
        await device.connect()
        device.send_report()
        await until(lambda: _reported(place, "dev-a"))
        device.die()
        await until(lambda: is_at(place, device, Connectivity.OFFLINE), 1.5)
        await device.connect()
        await until(lambda: is_at(place, device, Connectivity.ONLINE))

    play(scene)


def test_a_restart_of_the_broker_marks_nobody_offline(play: Callable[[Scene], None]) -> None:
    async def scene(place: Place) -> None:
        device = await place.device("dev-a")
        await device.connect()
        device.send_report()
        await until(lambda: _reported(place, "dev-a"))
        starts = place.broker.starts
        for how in (signal.SIGTERM, signal.SIGKILL):
            assert place.broker.pid is not None
            os.kill(place.broker.pid, how)
            starts += 1
            await _broker_back(place, starts)
            await asyncio.sleep(1.0)  # an end that came before the restart would take effect by now
            assert await is_at(place, device, Connectivity.ONLINE)
        await device.connect()
        device.send_report()
        await until(lambda: _seq(place, "dev-a", device.seq))
        device.die()
        await until(lambda: is_at(place, device, Connectivity.OFFLINE), 1.5)

    play(scene)


def test_wills_of_a_broker_that_ends_slowly_mark_nobody_offline(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """On a busy machine mosquitto ends the controller's session long after it published everybody's wills."""

    async def run() -> None:
        slow = SlowEnd(seconds=2.5)
        async with slow, controller(tmp_path, mosquitto, way=slow.before) as place:
            device = await place.device("dev-a")
            await device.connect()
            device.send_report()
            await until(lambda: _reported(place, "dev-a"))
            ends: list[bool] = []
            place.engine.intake.observers.append(_watch_offline(ends))
            assert place.broker.pid is not None
            wills = place.engine.intake.taken["presence"]
            os.kill(place.broker.pid, signal.SIGTERM)
            await until(lambda: place.engine.intake.taken["presence"] > wills)
            await until(lambda: not place.engine.ear.open)
            await _broker_back(place, 2)
            assert await is_at(place, device, Connectivity.ONLINE)
            assert ends == []

    asyncio.run(run())


def test_a_directive_reaches_the_device_with_its_release_and_survives_a_killed_broker(
    play: Callable[[Scene], None],
) -> None:
    async def scene(place: Place) -> None:
        device = await place.device("dev-a")
        digest = await publish_release(place)
        made = await order(place, digest)
        await device.connect()
        await until(lambda: topics.channel("stable") in device.got and topics.assignment("dev-a") in device.got)
        assert retained(device, topics.channel("stable"), Directive) == made
        assert device.client is not None
        device.client.subscribe([(topics.release(digest), 1), (topics.trust(1), 1)])
        await until(lambda: topics.release(digest) in device.got and topics.trust(1) in device.got)
        assert place.broker.pid is not None
        os.kill(place.broker.pid, signal.SIGKILL)
        device.got.clear()
        await until(lambda: place.broker.starts == 2 and place.engine.ear.open, 20)
        await device.connect()
        await until(lambda: topics.channel("stable") in device.got and topics.assignment("dev-a") in device.got)
        assert retained(device, topics.channel("stable"), Directive) == made

    play(scene)


def test_changed_terms_and_a_new_epoch_are_new_orders_with_the_same_rules(play: Callable[[Scene], None]) -> None:
    async def scene(place: Place) -> None:
        device = await place.device("dev-a")
        first = await order(place, await publish_release(place))
        await place.desk.put_channel("stable", ChannelBody(beat_seconds=7), "test")
        await device.connect()
        await until(lambda: topics.channel("stable") in device.got)
        second = retained(device, topics.channel("stable"), Directive)
        assert isinstance(second, Directive)
        assert (second.rules, second.pace.beat_seconds) == (first.rules, 7)
        assert second.generation > first.generation
        document = next_root(place.engine.trust.current.document, place.trust_terms(2), [place.root_key])
        await place.desk.put_trust(2, document, "test")
        await until(lambda: _epoch(device, topics.channel("stable"), Directive) == 2)
        await until(lambda: _epoch(device, topics.assignment("dev-a"), Assignment) == 2)

    play(scene)


def test_a_valid_directive_of_another_hand_is_adopted_and_calls_a_person(play: Callable[[Scene], None]) -> None:
    async def scene(place: Place) -> None:
        first = await order(place, await publish_release(place))
        higher = msgspec.structs.replace(first, generation=first.generation + 1000, reason="stolen")
        stranger = await _as_controller(place)
        stranger.publish(topics.channel("stable"), place.signer.directive(higher), qos=1, retain=True)
        await until(lambda: _alerts(place, "foreign_directive"))
        assert (await place.desk.channel("stable")).generation == higher.generation
        assert (await order(place, first.rules[0].release)).generation > higher.generation
        stranger.disconnect()
        stranger.loop_stop()

    play(scene)


def test_a_forged_directive_is_replaced_by_ours(play: Callable[[Scene], None]) -> None:
    async def scene(place: Place) -> None:
        first = await order(place, await publish_release(place))
        device = await place.device("dev-a")
        await device.connect()
        forged = DirectiveSigner.at(place.root / "other.key").directive(
            msgspec.structs.replace(first, generation=first.generation + 1000)
        )
        stranger = await _as_controller(place)
        stranger.publish(topics.channel("stable"), forged, qos=1, retain=True)
        await until(lambda: device.got.get(topics.channel("stable")) == forged)
        await until(lambda: retained(device, topics.channel("stable"), Directive) == first)
        assert not await _alerts(place, "foreign_directive")
        stranger.disconnect()
        stranger.loop_stop()

    play(scene)


def test_drift_is_alerted_remediated_and_resolved(play: Callable[[Scene], None]) -> None:
    async def scene(place: Place) -> None:
        device = await place.device("dev-a")
        await device.connect()
        edited = DriftState(
            standing=Standing.DRIFTED,
            kinds=(DriftKind.EDITED,),
            applied_hash="a" * 64,
            live_hash="b" * 64,
            paths=("/logging/level",),
        )
        device.send_report(drift=edited)
        await until(lambda: _alerts(place, "config_drift"))
        assert [(one.standing, one.paths) for one in await place.desk.drifts.every()] == [
            ("drifted", ("/logging/level",))
        ]
        remediating = asyncio.create_task(place.desk.drifts.remediate(RemediateBody(reason="test"), "test"))
        await until(lambda: topics.request("dev-a") in device.got)
        request = decode_order(open_envelope(device.got[topics.request("dev-a")]).payload, Request)
        assert (request.verb, request.args, request.boot_id) == (Verb.REMEDIATE, {"live_hash": "b" * 64}, "boot-1")
        answer = Response(
            v=1,
            request_id=request.request_id,
            device_id=device.device_id,
            outcome=ResponseOutcome.DONE,
            code=None,
            body={},
        )
        device.publish(topics.response("dev-a"), msgspec.json.encode(answer))
        assert [one.outcome for one in await remediating] == ["remediated"]
        device.send_report(drift=DriftState(standing=Standing.IN_STEP, applied_hash="a" * 64, live_hash="a" * 64))
        await until(lambda: _no_alert(place, "config_drift"))

    play(scene)


def test_a_beat_whose_report_is_missing_is_asked_for(play: Callable[[Scene], None]) -> None:
    async def scene(place: Place) -> None:
        device = await place.device("dev-a")
        await device.connect()
        device.send_report()
        await until(lambda: _reported(place, "dev-a"))
        device.seq += 5
        device.send_beat(of=device.seq)
        await until(lambda: topics.request("dev-a") in device.got)
        request = decode_order(open_envelope(device.got[topics.request("dev-a")]).payload, Request)
        assert request.verb is Verb.REPORT

    play(scene)


def test_a_clone_is_set_aside_with_an_alert(play: Callable[[Scene], None]) -> None:
    async def scene(place: Place) -> None:
        device = await place.device("dev-a")
        await device.connect()
        device.send_report()
        await until(lambda: _reported(place, "dev-a"))
        device.send_report(boot_id="another", agent_version="clone")
        await until(lambda: _alerts(place, "clone_or_restored"))
        assert (await place.desk.device("dev-a")).agent_version == "test"

    play(scene)


def test_garbage_stops_nothing(play: Callable[[Scene], None]) -> None:
    async def scene(place: Place) -> None:
        device = await place.device("dev-a")
        await device.connect()
        for garbage in (b"", b"{}", b"\xff", b"[" * 1000, b'{"v":1}', b"9" * 20_000):
            device.publish(topics.report("dev-a"), garbage)
            device.publish(topics.beat("dev-a"), garbage, qos=0)
            device.publish(topics.response("dev-a"), garbage)
        device.send_report(device_id="dev-b")
        device.send_report()
        await until(lambda: _reported(place, "dev-a"))
        with pytest.raises(TimedOut):
            await place.engine.requests.ask("dev-a", Verb.LOGS, {}, "test", wait_seconds=0.1)

    play(scene)


def test_many_reports_are_all_stored_in_batches(play: Callable[[Scene], None]) -> None:
    async def scene(place: Place) -> None:
        device = await place.device("dev-a")
        await device.connect()
        for _ in range(2000):
            device.send_report()
        await until(lambda: _seq(place, "dev-a", 2000), 30)
        assert place.engine.intake.taken["report"] == 2000
        assert place.engine.intake.backlog == 0

    play(scene)


#: TLS 1.3's last word; the only other record so short is the answer to a ping, which comes later than this test ends
CLOSE_NOTIFY_BYTES = 19


class SlowEnd:
    """A way to the broker on which its end arrives late, and what is said to it meanwhile is lost."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._server: asyncio.Server | None = None
        self._port = 0
        self._broker: LinkSettings | None = None

    def before(self, link: LinkSettings) -> LinkSettings:
        self._broker = link
        return replace(link, host="127.0.0.1", port=self._port)

    async def __aenter__(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self._port = self._server.sockets[0].getsockname()[1]

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert self._broker is not None
        try:
            from_broker, to_broker = await asyncio.open_connection(self._broker.host, self._broker.port)
        except OSError:
            writer.transport.abort()
            return
        out = asyncio.create_task(_pump(reader, to_broker))
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await from_broker.readexactly(5)
                body = await from_broker.readexactly(int.from_bytes(head[3:]))
                if len(body) > CLOSE_NOTIFY_BYTES:
                    writer.write(head + body)
        await asyncio.sleep(self._seconds)
        out.cancel()
        for one in (writer, to_broker):
            one.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until the reader's side ends; what the other side does not take any more is lost."""
    with suppress(OSError):
        while piece := await reader.read(65_536):
            writer.write(piece)


def _watch_offline(ends: list[bool]) -> HeardObserver:
    async def observe(heard: Sequence[Heard]) -> None:
        ends.extend(True for one in heard if one.after.connectivity is Connectivity.OFFLINE)

    return observe


async def _broker_back(place: Place, starts: int) -> None:
    await until(lambda: place.broker.starts == starts and place.engine.ear.open, 20)


async def _reported(place: Place, device_id: str) -> bool:
    return (await place.desk.device(device_id)).agent_version is not None


async def _seq(place: Place, device_id: str, seq: int) -> bool:
    from pyv_fleet.store import status

    async with place.database.read() as connection:
        known = await status.get(connection, device_id)
    return known is not None and known.status.seq >= seq


async def _alerts(place: Place, name: str) -> bool:
    page = await place.desk.alerting.page(None, 100)
    return any(one.name == name and one.state == "firing" for one in page.items)


async def _no_alert(place: Place, name: str) -> bool:
    return not await _alerts(place, name)


def _epoch(device: PahoDevice, topic: str, into: type[AnOrder]) -> int:
    found = retained(device, topic, into)
    return 0 if found is None else found.epoch


async def _as_controller(place: Place) -> paho.Client:
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="@stranger")
    context = ssl.create_default_context(cafile=str(place.link.server_ca))
    context.load_cert_chain(place.link.certificate, place.link.key)
    client.tls_set_context(context)
    await asyncio.to_thread(client.connect, place.link.host, place.link.port)
    client.loop_start()
    await until(client.is_connected)
    return client

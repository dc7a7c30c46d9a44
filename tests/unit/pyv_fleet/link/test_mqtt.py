"""The link's own rules; what it does with a broker stands in tests/system/test_intake.py."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from paho.mqtt.client import topic_matches_sub

from pyv_fleet.link.interface import Incoming
from pyv_fleet.link.mqtt import SUBSCRIPTIONS, LinkSettings, MqttLink
from pyvorin_edge import topics


class Listener:
    """A receiver that only counts."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def received(self, message: Incoming) -> None:
        self.heard.append(message.topic)

    def connected(self) -> None:
        self.heard.append("connected")

    def disconnected(self) -> None:
        self.heard.append("disconnected")


def settings(make: Callable[[], int], client_id: str = "@controller") -> LinkSettings:
    nowhere = Path("nowhere")
    return LinkSettings("127.0.0.1", make(), nowhere, nowhere, nowhere, client_id)


@pytest.mark.parametrize("client_id", ["controller", "", "FLEET-0a1b2c3d4e5f"])
def test_a_client_id_that_a_device_could_have_is_refused(client_id: str) -> None:
    with pytest.raises(ValueError, match="@"):
        MqttLink(settings(lambda: 1, client_id), Listener())


def test_every_topic_that_devices_write_is_heard_exactly_once() -> None:
    device = "FLEET-0a1b2c3d4e5f"
    for topic in (
        topics.report(device),
        topics.beat(device),
        topics.presence(device),
        topics.response(device),
        topics.channel("stable"),
    ):
        assert sum(topic_matches_sub(wanted, topic) for wanted, _ in SUBSCRIPTIONS) == 1


def test_no_order_of_ours_comes_back_but_directives() -> None:
    own = (
        topics.assignment("a"),
        topics.request("a"),
        topics.release("d"),
        topics.blob("b"),
        topics.shard_request("01"),
    )
    assert not any(topic_matches_sub(wanted, topic) for wanted, _ in SUBSCRIPTIONS for topic in own)


def test_without_a_connection_a_publish_is_not_confirmed() -> None:
    async def run() -> bool:
        return await MqttLink(settings(lambda: 1), Listener()).publish("a", b"b", retain=False)

    assert not asyncio.run(run())


def test_presence_is_read_at_qos_0_and_reports_at_1() -> None:
    by_topic = dict(SUBSCRIPTIONS)
    assert by_topic[f"{topics.ROOT}/shard/+/+/presence"] == 0
    assert by_topic[f"{topics.ROOT}/shard/+/+/report"] == 1

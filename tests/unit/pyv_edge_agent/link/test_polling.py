"""A device without MQTT: told at once, heard over HTTPS, back by itself, and gone within two seconds when told so."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pyv_edge_agent.link.interface import Credentials, Passport, Self
from pyv_edge_agent.link.polling import PollingLink
from pyvorin_edge import topics
from pyvorin_edge.envelope import TYPE_DIRECTIVE, seal
from pyvorin_edge.trust import Link as Whereabouts
from running.broker import Doorway
from running.office import Office, office

DEVICE = "FLEET-0a1b2c3d4e5f"
OWN, STABLE = topics.assignment(DEVICE), topics.channel("stable")
ASSIGNMENT = b'{"any": "bytes"}'


class Heard:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.conns: list[int] = []
        self.lost: list[str] = []
        self.messages: list[tuple[str, bytes]] = []
        self.tags: list[int] = []

    def connected(self, conn: int, whereabouts: Whereabouts) -> None:
        self.conns.append(conn)

    def disconnected(self, why: str) -> None:
        self.lost.append(why)

    def arrived(self, topic: str, payload: bytes, retained: bool) -> None:
        self.messages.append((topic, payload))

    def delivered(self, tag: int) -> None:
        self.tags.append(tag)


@pytest.fixture(scope="module")
def serving() -> Iterator[Office]:
    with office() as made:
        yield made


@pytest.fixture
def desk(serving: Office) -> Office:
    serving.forget()
    serving.asked.clear()
    return serving


@pytest.fixture
def door(desk: Office) -> Iterator[Doorway]:
    made = Doorway(desk.address)
    made.open()
    yield made
    made.shut()


@pytest.fixture
def passport(desk: Office, tmp_path: Path) -> Passport:
    certificate, key = desk.enrol(DEVICE)
    (tmp_path / "pem").write_bytes(certificate)
    (tmp_path / "key").write_bytes(key)
    return Passport(Credentials(tmp_path / "pem", tmp_path / "key"), desk.server_ca_pem)


@pytest.fixture
def ears() -> Heard:
    return Heard()


@pytest.fixture
def link(passport: Passport, door: Doorway, ears: Heard) -> Iterator[PollingLink]:
    where = Whereabouts(http=(f"https://{door.address}",))
    made = PollingLink(passport, where, chance=lambda: 0.0, delay_seconds_max=0.1)
    made.start(Self(device_id=DEVICE, boot=1, boot_id="b"), ears)
    until(lambda: made.is_connected, "connected")
    yield made
    made.stop(2.0)


def until(condition: Callable[[], bool], what: str, within_seconds: float = 10.0) -> None:
    deadline = time.monotonic() + within_seconds
    while not condition():
        assert time.monotonic() < deadline, f"not in time: {what}"
        threading.Event().wait(0.01)


def directive(channel: str) -> bytes:
    """One by its address alone: this link believes nothing."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    return seal(json.dumps({"channel": channel}).encode(), TYPE_DIRECTIVE, [key])


def test_orders_come_when_they_are_subscribed_to_and_again_when_asked_again(
    desk: Office, link: PollingLink, ears: Heard
) -> None:
    desk.publish(OWN, ASSIGNMENT, retain=True)
    link.subscribe([OWN])
    until(lambda: ears.messages == [(OWN, ASSIGNMENT)], "the assignment")
    link.unsubscribe([OWN])
    link.subscribe([OWN])
    until(lambda: ears.messages == [(OWN, ASSIGNMENT)] * 2, "and again")


def test_an_order_ends_the_long_poll(desk: Office, link: PollingLink, ears: Heard) -> None:
    link.subscribe([STABLE])
    until(lambda: any("wait=" in one for one in desk.asked), "it waits")
    desk.publish(STABLE, directive("stable"), retain=True)
    until(lambda: ears.messages == [(STABLE, directive("stable"))], "told at once")


def test_a_directive_goes_to_the_channel_that_it_names(desk: Office, link: PollingLink, ears: Heard) -> None:
    """A device that is moved has the new channel's directive at hand before it asked for that channel."""
    link.subscribe([OWN, STABLE])
    desk.publish(STABLE, directive("beta"), retain=True)
    desk.publish(OWN, ASSIGNMENT, retain=True)
    until(lambda: (OWN, ASSIGNMENT) in ears.messages, "the assignment")
    assert [topic for topic, _ in ears.messages] == [OWN]
    link.subscribe([topics.channel("beta")])
    until(lambda: ears.messages[1:] == [(topics.channel("beta"), directive("beta"))], "the directive")


def test_a_directive_that_cannot_be_read_is_handed_on_to_be_refused(
    desk: Office, link: PollingLink, ears: Heard
) -> None:
    link.subscribe([STABLE])
    desk.publish(STABLE, b"nonsense", retain=True)
    until(lambda: ears.messages == [(STABLE, b"nonsense")], "handed on")


def test_contents_are_fetched(desk: Office, link: PollingLink, ears: Heard) -> None:
    desk.publish(topics.blob("ab"), b"config", retain=True)
    link.subscribe([topics.blob("ab")])
    until(lambda: ears.messages == [(topics.blob("ab"), b"config")], "the blob")


def test_the_next_trust_document_is_fetched_once_there_is_one(desk: Office, link: PollingLink, ears: Heard) -> None:
    link.subscribe([topics.trust(2)])
    desk.publish(topics.trust(2), b"document", retain=True)
    until(lambda: ears.messages == [(topics.trust(2), b"document")], "the document")
    assert desk.asked.count("GET /v1/trust/2") == 1


def test_a_report_is_told_as_delivered_once_it_is_stored(desk: Office, link: PollingLink, ears: Heard) -> None:
    link.publish(topics.report(DEVICE), b"{}", qos=1, retain=False, tag=7)
    until(lambda: ears.tags == [7], "delivered")
    assert desk.said == [(topics.report(DEVICE), b"{}")]


def test_beats_and_presence_are_not_sent(desk: Office, link: PollingLink, ears: Heard) -> None:
    link.publish(topics.beat(DEVICE), b"{}", qos=0, retain=False)
    link.publish(topics.report(DEVICE), b"{}", qos=1, retain=False, tag=1)
    until(lambda: ears.tags == [1], "delivered")
    assert len(desk.said) == 1


def test_a_report_that_is_refused_is_no_reason_to_leave(desk: Office, link: PollingLink, ears: Heard) -> None:
    path = f"/v1/devices/{DEVICE}/report"
    desk.instead[f"POST {path}"] = (422, {})
    link.publish(topics.report(DEVICE), b"{}", qos=1, retain=False, tag=1)
    until(lambda: f"POST {path}" in desk.asked, "refused")
    del desk.instead[f"POST {path}"]
    link.publish(topics.report(DEVICE), b"{}", qos=1, retain=False, tag=2)
    until(lambda: ears.tags == [2], "the next one")
    assert ears.lost == []


def test_a_network_that_went_comes_back(link: PollingLink, door: Doorway, ears: Heard) -> None:
    door.shut()
    until(lambda: len(ears.lost) == 1, "gone")
    door.open()
    until(lambda: ears.conns == [1, 2], "back")


def test_a_device_that_is_refused_is_not_connected_and_tries_on(desk: Office, link: PollingLink, ears: Heard) -> None:
    path = f"GET /v1/devices/{DEVICE}/desired"
    desk.instead[path] = (403, {})
    desk.publish(OWN, ASSIGNMENT, retain=True)  # ends the long poll
    until(lambda: len(ears.lost) == 1, "shown out")
    desk.instead.clear()
    until(lambda: link.is_connected, "let in")


def test_it_stops_within_two_seconds_while_the_long_poll_hangs(desk: Office, link: PollingLink) -> None:
    until(lambda: any("wait=" in one for one in desk.asked), "it waits")
    began = time.monotonic()
    link.stop(2.0)
    assert time.monotonic() - began < 2.0
    assert not link.is_connected


def test_it_leaves_for_another_address_at_once(desk: Office, link: PollingLink, ears: Heard) -> None:
    link.go_to(Whereabouts(http=(desk.url,)))
    until(lambda: ears.conns == [1, 2], "there")
    assert len(ears.lost) == 1


def test_without_an_address_it_keeps_trying(passport: Passport, ears: Heard, desk: Office) -> None:
    link = PollingLink(passport, Whereabouts(mqtt=("broker:8883",)), delay_seconds_max=0.1)
    link.start(Self(device_id=DEVICE, boot=1, boot_id="b"), ears)
    link.go_to(Whereabouts(http=(desk.url,)))
    until(lambda: ears.conns == [1], "connected")
    link.stop(2.0)

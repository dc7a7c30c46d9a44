"""MQTT 3.1.1 packets as bytes."""

from hypothesis import given
from hypothesis import strategies as st

from pyv_fleet.broker import packets


def test_connect_asks_for_a_clean_session_under_the_client_id() -> None:
    assert packets.connect("dev-a") == b"\x10\x11\x00\x04MQTT\x04\x02\x00\x1e\x00\x05dev-a"


def test_subscribe_is_at_qos_0() -> None:
    assert packets.subscribe("a/#", 7) == b"\x82\x08\x00\x07\x00\x03a/#\x00"


@given(st.text(st.characters(codec="utf-8"), max_size=300), st.binary(max_size=40_000))
def test_a_publish_is_at_qos_1_with_its_length_before_it(topic: str, payload: bytes) -> None:
    packet = packets.publish(topic, payload, 1)
    length, place = 0, 1
    while True:
        length |= (packet[place] & 0x7F) << (7 * (place - 1))
        place += 1
        if packet[place - 1] < 0x80:
            break
    assert packet[0] == 0x32
    assert length == len(packet) - place
    assert packet.endswith(payload)


@given(st.text(st.characters(codec="utf-8"), max_size=300), st.binary(max_size=300))
def test_a_message_is_read_as_it_was_written(topic: str, payload: bytes) -> None:
    name = topic.encode()
    assert packets.message(len(name).to_bytes(2) + name + payload) == (topic, payload)


def test_only_code_0_is_an_acceptance() -> None:
    assert packets.accepted(b"\x00\x00")
    assert not packets.accepted(b"\x00\x05")
    assert not packets.accepted(b"")

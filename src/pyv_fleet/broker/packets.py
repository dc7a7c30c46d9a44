"""The few packets that probe and takeover need, as bytes (OASIS MQTT 3.1.1, sections 2 and 3). Pure."""

from __future__ import annotations

import enum
from typing import Final, NamedTuple

DISCONNECT: Final = b"\xe0\x00"
KEEPALIVE_SECONDS: Final = 30


class Packet(enum.IntEnum):
    """Control packet types that can come from a broker."""

    CONNACK = 2
    PUBLISH = 3
    PUBACK = 4
    SUBACK = 9


class Message(NamedTuple):
    """A PUBLISH of QoS 0 as it arrived."""

    topic: str
    payload: bytes


def connect(client_id: str) -> bytes:
    """CONNECT with a clean session, without will, user name or password."""
    body = _text("MQTT") + b"\x04\x02" + KEEPALIVE_SECONDS.to_bytes(2) + _text(client_id)
    return _packet(0x10, body)


def subscribe(topic_filter: str, packet_id: int) -> bytes:
    """SUBSCRIBE to one filter at QoS 0."""
    return _packet(0x82, packet_id.to_bytes(2) + _text(topic_filter) + b"\x00")


def publish(topic: str, payload: bytes, packet_id: int) -> bytes:
    """PUBLISH at QoS 1, not retained: so that the broker says when it has dealt with it."""
    return _packet(0x32, _text(topic) + packet_id.to_bytes(2) + payload)


def accepted(connack: bytes) -> bool:
    """Whether the body of a CONNACK says 0, accepted."""
    return len(connack) == 2 and connack[1] == 0


def message(publish_body: bytes) -> Message:
    """The body of a PUBLISH of QoS 0."""
    end = 2 + int.from_bytes(publish_body[:2])
    return Message(publish_body[2:end].decode("utf-8"), publish_body[end:])


def _packet(first: int, body: bytes) -> bytes:
    return bytes([first]) + _length(len(body)) + body


def _length(count: int) -> bytes:
    out = bytearray()
    while True:
        count, byte = divmod(count, 128)
        out.append(byte | (0x80 if count else 0))
        if not count:
            return bytes(out)


def _text(text: str) -> bytes:
    data = text.encode("utf-8")
    return len(data).to_bytes(2) + data

"""A broker as one would not wish it: whatever it sends, the session ends and says why, and another can be made."""

from __future__ import annotations

import ssl
import struct
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from pyv_edge_agent.link.interface import Self
from pyv_edge_agent.link.session import PACKET_BYTES_MAX, Session, Terms
from pyvorin_edge.identity import DeviceId
from pyvorin_edge.trust import Link as Whereabouts
from running.stranger import stranger

ME = Self(device_id=DeviceId("FLEET-0a1b2c3d4e5f"), boot=1, boot_id="b")
CONNACK = b"\x20\x02\x00\x00"


class Heard:
    """A listener that keeps what it was told."""

    def __init__(self) -> None:
        self.topics: list[str] = []
        self.gone = threading.Event()

    def connected(self, conn: int, whereabouts: Whereabouts) -> None:
        pass

    def disconnected(self, why: str) -> None:
        self.gone.set()

    def arrived(self, topic: str, payload: bytes, retained: bool) -> None:
        self.topics.append(topic)

    def delivered(self, tag: int) -> None:
        pass


def published(topic: bytes, payload: bytes) -> bytes:
    body = struct.pack("!H", len(topic)) + topic + payload
    return b"\x30" + length(len(body)) + body


def length(count: int) -> bytes:
    out = bytearray()
    while True:
        count, low = divmod(count, 128)
        out.append(low | (0x80 if count else 0))
        if not count:
            return bytes(out)


def saying(packets: bytes) -> Callable[[ssl.SSLSocket], None]:
    def part(connection: ssl.SSLSocket) -> None:
        connection.recv(4096)
        connection.sendall(CONNACK + packets)
        while connection.recv(4096):
            pass

    return part


@pytest.mark.parametrize(
    "packets",
    [
        pytest.param(published(b"\xff\xfe", b"x"), id="topic is no UTF-8"),
        pytest.param(b"\x30\x00", id="publish without anything"),
        pytest.param(b"\x30\x01\x00", id="publish cut off"),
        pytest.param(b"\x32\x04\x00\x02ab", id="publish without its number"),
        pytest.param(b"\x40\x01\x00", id="puback cut off"),
        pytest.param(b"\x30\xff\xff\xff\xff\x01", id="a length that is none"),
        pytest.param(b"\x30" + length(PACKET_BYTES_MAX + 1), id="too large"),
        pytest.param(b"\x30" + length(268_435_455), id="the largest there is"),
        pytest.param(b"\x00\x00\xf0\x00", id="no packet at all"),
    ],
)
def test_what_cannot_be_read_ends_the_session(tmp_path: Path, packets: bytes) -> None:
    heard = Heard()
    with stranger(tmp_path, saying(packets)) as broker:
        session = Session(ME, terms(broker.port), broker.tls, heard, lambda: 0)
        session.open()
        assert heard.gone.wait(10)
        session.wait_ended()
        session.close(1.0)
    assert not session.is_up
    assert session.why_ended


def test_what_can_be_read_is_handed_on(tmp_path: Path) -> None:
    heard = Heard()
    with stranger(tmp_path, saying(published(b"a/b", b"x" * 100_000) + b"\x00\x00")) as broker:
        session = Session(ME, terms(broker.port), broker.tls, heard, lambda: 0)
        session.open()
        assert heard.gone.wait(10)
        session.close(1.0)
    assert heard.topics == ["a/b"]


def terms(port: int) -> Terms:
    return Terms(host="127.0.0.1", port=port, keepalive_seconds=60, conn=1, whereabouts=Whereabouts())

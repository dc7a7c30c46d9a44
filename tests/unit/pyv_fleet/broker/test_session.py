"""A short MQTT session over TLS. Here a few lines play the broker; the real one is in tests/system/test_broker.py."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pyv_fleet.broker import session
from pyv_fleet.broker.interface import BrokerAddress
from pyv_fleet.broker.session import Refused, Session, loopback_of, opened
from pyv_fleet.broker.settings import Identity
from pyv_fleet.trust.authority import Authority

ACCEPTED = b"\x20\x02\x00\x00"
Talk = Callable[[Session], Awaitable[None]]


async def listen() -> None:
    """Say nothing more."""


def talked(root: Path, answer: bytes, talk: Talk) -> None:
    """Hold `talk` with a broker that answers the CONNECT by `answer` and then hangs up."""
    places = Authority.open_or_create(root / "ca", [], datetime.now(UTC)).places
    who = Identity(places.probe.certificate, places.probe.key)

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(answer)
        await writer.drain()
        if answer:
            writer.close()

    async def scenario() -> None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(places.device_ca.certificate))
        context.load_cert_chain(places.server.certificate, places.server.key)
        async with await asyncio.start_server(play, "127.0.0.1", 0, ssl=context) as server:
            address = BrokerAddress(*server.sockets[0].getsockname())
            async with opened(address, who, places.server_ca.certificate, "me") as talker:
                await talk(talker)

    asyncio.run(scenario())


async def nothing(_: Session) -> None:
    pass


def test_a_refusal_a_cut_and_nonsense_are_answers(tmp_path: Path) -> None:
    for answer in (b"\x20\x02\x00\x05", b"\x20", b"\x20\xff\xff\xff\xff\xff"):
        with pytest.raises(Refused):
            talked(tmp_path, answer, nothing)


def test_silence_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "ANSWER_SECONDS_MAX", 0.2)
    with pytest.raises(TimeoutError):
        talked(tmp_path, b"", nothing)


def test_a_message_that_comes_before_the_acknowledgement_is_kept(tmp_path: Path) -> None:
    async def talk(talker: Session) -> None:
        await talker.publish("a", b"mine")
        assert (await talker.next_message()).payload == b"first"
        with pytest.raises(Refused):
            await talker.next_message()

    talked(tmp_path, ACCEPTED + b"\x30\x08\x00\x01afirst" + b"\x40\x02\x00\x01", talk)


@pytest.mark.parametrize(
    ("host", "reached"),
    [("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("192.0.2.1", "192.0.2.1"), ("localhost", "localhost")],
)
def test_a_listener_on_every_address_is_reached_over_loopback(host: str, reached: str) -> None:
    assert loopback_of(host) == reached

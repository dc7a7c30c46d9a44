"""One short MQTT session over TLS, for the probe and the takeover: connect, publish, subscribe, read. No more."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from pyv_fleet.broker import packets
from pyv_fleet.broker.interface import BrokerAddress
from pyv_fleet.broker.packets import Message, Packet
from pyv_fleet.broker.settings import Identity

ANSWER_SECONDS_MAX: Final = 5.0
_LENGTH_BYTES_MAX: Final = 4


class Refused(Exception):
    """The broker said no, or cut the connection: an answer. A silence is a TimeoutError."""


class Session:
    """A connected session; made by `opened`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._messages: deque[Message] = deque()

    async def connect(self, client_id: str) -> None:
        """Refused unless the broker accepts."""
        self._writer.write(packets.connect(client_id))
        if not packets.accepted(await self._expect(Packet.CONNACK)):
            raise Refused("CONNACK with a refusal")

    async def publish(self, topic: str, payload: bytes) -> None:
        """Returns on PUBACK, which is no proof of a right; Refused if the broker cuts the connection instead."""
        self._writer.write(packets.publish(topic, payload, 1))
        await self._expect(Packet.PUBACK)

    async def subscribe(self, topic_filter: str) -> None:
        """Returns on SUBACK, which is no proof of a right either."""
        self._writer.write(packets.subscribe(topic_filter, 1))
        await self._expect(Packet.SUBACK)

    async def next_message(self) -> Message:
        """The next message that arrives; TimeoutError after ANSWER_SECONDS_MAX."""
        if not self._messages:
            await self._expect(Packet.PUBLISH)
        return self._messages.popleft()

    async def _expect(self, wanted: Packet) -> bytes:
        """The body of the next packet of that kind; messages on the way are kept."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                while True:
                    kind, body = await self._packet()
                    if kind == Packet.PUBLISH:
                        self._messages.append(packets.message(body))
                    if kind == wanted:
                        return body
        except TimeoutError:
            raise
        except (OSError, EOFError) as why:  # ssl.SSLError is an OSError: an alert is an answer
            raise Refused(str(why) or "connection closed") from None

    async def _packet(self) -> tuple[int, bytes]:
        first = (await self._reader.readexactly(1))[0]
        length = 0
        for place in range(_LENGTH_BYTES_MAX):
            byte = (await self._reader.readexactly(1))[0]
            length |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                return first >> 4, await self._reader.readexactly(length)
        raise Refused("no MQTT packet")


@asynccontextmanager
async def opened(address: BrokerAddress, identity: Identity, server_ca: Path, client_id: str) -> AsyncIterator[Session]:
    """A session by `identity`'s certificate, connected. Refused if the broker refuses, TimeoutError if it is silent."""
    reader, writer = await _dial(address, tls_context(identity, server_ca))
    try:
        session = Session(reader, writer)
        await session.connect(client_id)
        yield session
        writer.write(packets.DISCONNECT)
    finally:
        writer.transport.abort()


def tls_context(identity: Identity, server_ca: Path) -> ssl.SSLContext:
    """TLS 1.2 or higher, the server verified by `server_ca` and our certificate shown."""
    context = ssl.create_default_context(cafile=str(server_ca))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(identity.certificate, identity.key)
    return context


async def _dial(address: BrokerAddress, context: ssl.SSLContext) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Always over loopback: the broker is ours and on this machine, whatever address it is known by outside."""
    host = loopback_of(address.host)
    try:
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            return await asyncio.open_connection(host, address.port, ssl=context, server_hostname="localhost")
    except TimeoutError:
        raise
    except OSError as why:
        raise Refused(str(why)) from None


def loopback_of(host: str) -> str:
    """Where to reach a listener of this machine: an unspecified address is reached over loopback."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1", "*": "127.0.0.1"}.get(host, host)

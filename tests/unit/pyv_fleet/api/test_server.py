"""Listeners: bound before anything starts, plain ones on loopback alone, ended with their answers."""

from __future__ import annotations

import asyncio
import socket
import time

import httpx
import pytest

from pyv_fleet.api.server import Listener, ListenerError
from pyv_fleet.api.tls import CertificateProtocol
from running.faces import StandInDesk, app_of


def test_a_taken_port_is_named_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ListenerError, match=rf"{port}.*fleet\.toml"):
            Listener(None, "127.0.0.1", port).bind()


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_without_tls_nothing_listens_beyond_loopback(host: str) -> None:
    with pytest.raises(ListenerError, match="loopback"):
        Listener(None, host, 0).bind()


def test_it_answers_and_ends_also_while_somebody_listens_to_events() -> None:
    async def life() -> tuple[int, float]:
        app = app_of(StandInDesk(), page_open_on_loopback=True)
        listener = Listener(app, "127.0.0.1", 0)
        await listener.start()
        async with httpx.AsyncClient(base_url=listener.url) as client:
            status = (await client.get("/page/devices")).status_code
            async with client.stream("GET", "/v1/events") as stream:
                await anext(stream.aiter_bytes())
                began = time.monotonic()
                app.state.context.closing.set()
                await listener.stop()
        return status, time.monotonic() - began

    status, seconds = asyncio.run(life())
    assert status == 200
    assert seconds < 3


def test_one_that_never_started_lets_go_of_its_port() -> None:
    listener = Listener(None, "127.0.0.1", 0)
    listener.bind()
    asyncio.run(listener.stop())
    with socket.create_server(("127.0.0.1", listener.port)):
        pass


@pytest.mark.parametrize(
    "begun", [b"", b"GET / HTTP/1.1\r\nHost: x\r\nX-a: ", b"POST /login HTTP/1.1\r\nContent-Length: 9\r\n\r\na"]
)
def test_a_request_that_never_ends_holds_no_place_for_ever(begun: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CertificateProtocol, "request_seconds", 0.3)

    async def life() -> None:
        listener = Listener(app_of(StandInDesk()), "127.0.0.1", 0)
        await listener.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(begun)
        try:
            async with asyncio.timeout(5):
                await reader.read()  # an answer or none: it comes to its end
        except ConnectionResetError:
            pass
        finally:
            writer.close()
            await listener.stop()

    asyncio.run(life())


def test_a_slow_answer_is_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CertificateProtocol, "request_seconds", 0.3)

    async def life() -> bytes:
        app = app_of(StandInDesk(), page_open_on_loopback=True)
        listener = Listener(app, "127.0.0.1", 0)
        await listener.start()
        async with httpx.AsyncClient(base_url=listener.url) as client, client.stream("GET", "/v1/events") as stream:
            parts = stream.aiter_bytes()
            first = await anext(parts)
            await asyncio.sleep(0.6)  # twice as long as a request may take
            app.state.context.closing.set()
            async for _ in parts:
                pass
        await listener.stop()
        return first

    assert asyncio.run(life())

"""A download holds one place among the downloads, and gives it back however it ends."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from typing import Any, cast

import pytest

from pyv_fleet.api import bundles
from pyv_fleet.api.bundles import CHUNK_BYTES, Download
from pyv_fleet.api.slots import Slots
from pyv_fleet.core.ranges import Span
from pyv_fleet.engine.errors import TooMany

DATA = bytes(range(256)) * (CHUNK_BYTES // 64)


class Shelf:
    """One bundle, whatever is asked for."""

    def __init__(self) -> None:
        self.opened = io.BytesIO(DATA)

    async def open(self, sha256: str) -> io.BytesIO:
        return self.opened


async def reading_on() -> Any:
    await asyncio.Event().wait()


def download(slots: Slots, shelf: Shelf, span: Span) -> Download:
    return Download(cast(Any, shelf), "ab" * 32, slots, "FLEET-1", span=span, status_code=206)


def played(span: Span, send: Callable[[Any], Any], receive: Any = reading_on) -> tuple[Slots, Shelf]:
    """Sent to its end; the places and the file afterwards."""
    slots, shelf = Slots(1, 1), Shelf()
    asyncio.run(download(slots, shelf, span)(cast(Any, {}), receive, cast(Any, send)))
    return slots, shelf


def given_back(slots: Slots, shelf: Shelf) -> bool:
    with slots.taken_by("another"):
        return shelf.opened.closed


def test_a_span_is_sent_in_chunks_and_no_more() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    slots, shelf = played(Span(10, CHUNK_BYTES * 2), send)
    bodies = [message["body"] for message in sent[1:]]
    assert b"".join(bodies) == DATA[10 : CHUNK_BYTES * 2 + 1]
    assert max(map(len, bodies)) == CHUNK_BYTES
    assert given_back(slots, shelf)


def test_a_reader_that_left_is_sent_nothing_more() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)
        await asyncio.sleep(0)

    async def gone() -> Any:
        return {"type": "http.disconnect"}

    slots, shelf = played(Span(0, len(DATA) - 1), send, gone)
    assert len(sent) < len(DATA) // CHUNK_BYTES
    assert given_back(slots, shelf)


def test_a_reader_that_takes_nothing_loses_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundles, "STALL_SECONDS", 0.01)

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    assert given_back(*played(Span(0, len(DATA) - 1), send))


def test_without_a_free_place_nothing_is_sent() -> None:
    slots, sent = Slots(1, 1), []

    async def send(message: Any) -> None:
        sent.append(message)

    with slots.taken_by("another"), pytest.raises(TooMany):
        asyncio.run(download(slots, Shelf(), Span(0, 9))(cast(Any, {}), cast(Any, reading_on), cast(Any, send)))
    assert not sent

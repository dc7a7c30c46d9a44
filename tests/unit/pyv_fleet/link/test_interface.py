"""Without a broker nothing is confirmed, so nothing counts as published."""

from __future__ import annotations

import asyncio

from pyv_fleet.link.interface import NoLink


def test_nothing_is_confirmed_without_a_link() -> None:
    link = NoLink()
    assert not link.connected
    assert not asyncio.run(link.publish("a", b"b", retain=True))

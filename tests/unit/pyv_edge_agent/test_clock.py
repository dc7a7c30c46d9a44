"""The agent's clock: uptime never goes back, and the operator's word on synchronisation goes first."""

from __future__ import annotations

import time

import pytest

from pyv_edge_agent.clock import Clock
from pyvorin_edge.vocabulary import Clock as ClockWord


@pytest.mark.parametrize(("word", "synced"), [(ClockWord.SYNCED, True), (ClockWord.UNSYNCED, False)])
def test_the_operators_word_goes_first(word: ClockWord, synced: bool) -> None:
    assert Clock(word).now().synced is synced


def test_a_moment_has_unix_milliseconds_and_growing_uptime() -> None:
    clock = Clock()
    first, second = clock.now(), clock.now()
    assert 0 <= first.uptime_seconds <= second.uptime_seconds < 5
    assert abs(first.wall_ms - time.time() * 1000) < 5000
    assert abs(clock.wall_seconds() - time.time()) < 5

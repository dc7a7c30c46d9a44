"""Rule 12: the first delay is spread, the next ones grow with jitter, and only a session that stood resets them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pyv_edge_agent.link.keeper import STEADY_SECONDS, Keeper, Lived
from pyvorin_edge.orders import Pace
from pyvorin_edge.trust import Link as Whereabouts

A, B = Whereabouts(mqtt=("a",)), Whereabouts(mqtt=("b",))


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The delays between sessions, which take no time here; other tests' threads that still end wait as ever."""
    found: list[float] = []
    mine, truly = threading.get_ident(), threading.Condition.wait_for

    def wait_for(self: Any, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        if threading.get_ident() != mine:
            return truly(self, predicate, timeout)
        found.append(timeout or 0.0)
        return predicate()

    monkeypatch.setattr(threading.Condition, "wait_for", wait_for)
    return found


def run(keeper: Keeper, *lived: Lived) -> None:
    """As many sessions, then stopped."""
    left: Iterator[Lived] = iter(lived)

    def session() -> Lived:
        found = next(left, None)
        if found is None:
            keeper.stop()
        return found or Lived()

    keeper.run(session)


def keeper(**more: Any) -> Keeper:
    return Keeper(A, Pace(reconnect_seconds=8), chance=lambda: 0.5, **more)


def test_the_first_delay_is_of_the_pace_and_the_next_ones_grow(waits: list[float]) -> None:
    run(keeper(), Lived(), Lived(), Lived())
    assert waits[:3] == [4.0, 6.5, 10.25]


def test_a_session_that_stood_resets_the_back_off_and_a_short_one_does_not(waits: list[float]) -> None:
    run(keeper(), Lived(), Lived(STEADY_SECONDS - 1), Lived(STEADY_SECONDS))
    assert waits[:3] == [4.0, 6.5, 4.0]


def test_no_delay_is_longer_than_the_most(waits: list[float]) -> None:
    run(keeper(delay_seconds_max=1.0), *(Lived() for _ in range(9)))
    assert max(waits) == 1.0


def test_who_is_asked_to_wait_waits(waits: list[float]) -> None:
    run(keeper(), Lived(retry_after_seconds=120.0), Lived(retry_after_seconds=1e9))
    assert waits[:2] == [120.0, 600.0]


def test_other_addresses_are_tried_at_once(waits: list[float]) -> None:
    one = keeper()
    moved = iter((True, False))

    def session() -> Lived:
        if next(moved):
            assert one.go_to(B)
        else:
            one.stop()
        return Lived()

    one.run(session)
    assert len(waits) == 1  # after the second only
    assert not one.go_to(B)


def test_addresses_take_turns() -> None:
    one = keeper()
    assert [one.next_of(("a", "b")) for _ in range(3)] == ["a", "b", "a"]


def test_a_session_that_breaks_is_followed_by_another(waits: list[float]) -> None:
    broken = keeper()
    left = [RuntimeError("can't start new thread"), MemoryError()]

    def session() -> Lived:
        if left:
            raise left.pop()
        broken.stop()
        return Lived()

    broken.run(session)
    assert waits[:2] == [4.0, 6.5]

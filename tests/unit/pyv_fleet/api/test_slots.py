"""Places among the downloads: so many in all, so many each, and given back."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from pyv_fleet.api.slots import Slots
from pyv_fleet.engine.errors import TooMany


def test_one_caller_has_its_own_limit() -> None:
    slots = Slots(10, 2)
    with ExitStack() as held:
        held.enter_context(slots.taken_by("a"))
        held.enter_context(slots.taken_by("a"))
        held.enter_context(slots.taken_by("b"))
        with pytest.raises(TooMany, match="a has 2"), slots.taken_by("a"):
            pass


def test_all_together_have_one() -> None:
    slots = Slots(2, 2)
    with ExitStack() as held:
        held.enter_context(slots.taken_by("a"))
        held.enter_context(slots.taken_by("b"))
        with pytest.raises(TooMany, match="2 are under way") as caught, slots.taken_by("c"):
            pass
    assert caught.value.retry_seconds > 0


def test_a_place_is_given_back_also_after_an_error() -> None:
    slots = Slots(1, 1)
    for _ in range(3):
        with pytest.raises(ValueError), slots.taken_by("a"):
            raise ValueError
    with slots.taken_by("b"):
        pass

"""A device's words count in order, each once; a second mouth under one id is noticed (PROTOCOL 6)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyv_fleet.core.hearing import Position, Previous, hear_beat, hear_report, is_lost
from pyv_fleet.core.words import Hearing

KNOWN = Position(1, 5, "five", 10)
BEFORE = Previous("four", 99)


@pytest.mark.parametrize(
    ("said", "silent", "outcome"),
    [
        (Position(1, 5, "five", 11), False, Hearing.TAKEN),
        (Position(1, 5, "five", 10), False, Hearing.LATE),
        (Position(1, 5, "five", 9), False, Hearing.LATE),
        (Position(1, 6, "six", 0), False, Hearing.TAKEN),
        (Position(1, 5, "other", 0), False, Hearing.SET_ASIDE),
        (Position(1, 4, "other", 500), False, Hearing.SET_ASIDE),
        (Position(1, 4, "other", 0), True, Hearing.TAKEN),
        (Position(1, 4, "four", 99), False, Hearing.LATE),
        (Position(1, 4, "four", 100), False, Hearing.SET_ASIDE),
        (Position(2, 1, "new card", 0), False, Hearing.TAKEN),
        (Position(0, 9, "old card", 0), False, Hearing.LATE),
    ],
)
def test_order_of_reports(said: Position, silent: bool, outcome: Hearing) -> None:
    assert hear_report(KNOWN, BEFORE, said, silent=silent) is outcome


@given(st.permutations(range(8)), st.data())
def test_in_whatever_order_reports_come_the_newest_stands(order: list[int], data: st.DataObject) -> None:
    known = Position(1, 1, "one", -1)
    for seq in [*order, *data.draw(st.lists(st.sampled_from(order)))]:
        said = Position(1, 1, "one", seq)
        if hear_report(known, BEFORE, said, silent=False) is Hearing.TAKEN:
            assert seq > known.seq
            known = said
    assert known.seq == 7


@pytest.mark.parametrize(
    ("boot", "seq", "outcome"),
    [(5, 11, Hearing.TAKEN), (5, 10, Hearing.LATE), (4, 99, Hearing.LATE), (6, 0, Hearing.UNKNOWN_BOOT)],
)
def test_order_of_beats(boot: int, seq: int, outcome: Hearing) -> None:
    assert hear_beat(KNOWN, boot, seq) is outcome


def test_silence_is_loss_only_while_somebody_listens() -> None:
    assert is_lost(0, 0, 186_000, 185.0)
    assert not is_lost(0, 0, 185_000, 185.0)
    assert not is_lost(0, 100_000, 186_000, 185.0)
    assert is_lost(None, 0, 186_000, 185.0)

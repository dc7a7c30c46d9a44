"""Exit codes: each means one thing, and none hides behind a signal's number."""

from __future__ import annotations

from pyv_edge_agent.exits import Exit


def test_each_code_has_its_own_sentence() -> None:
    assert len({code.sentence for code in Exit}) == len(Exit)


def test_a_code_is_its_number_and_no_signal() -> None:
    assert sorted({int(code) for code in Exit}) == [int(code) for code in Exit]
    assert all(0 <= code < 126 for code in Exit)

"""Overlays edited by path: what is set stands there, what is taken out leaves no empty table."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyv_fleet.core.pointers import PointerError, placed, steps_of, taken_out
from pyvorin_edge.canonical import join_pointer
from pyvorin_edge.config.layers import leaves, merge_patch

KEYS = st.text(alphabet="ab/~ é", max_size=3)
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.text(max_size=3), st.lists(st.integers(), max_size=2)
)
OVERLAYS = st.recursive(
    st.dictionaries(KEYS, VALUES, max_size=3), lambda inner: st.dictionaries(KEYS, VALUES | inner, max_size=3)
)


@given(keys=st.lists(KEYS, min_size=1, max_size=4), value=VALUES)
def test_what_is_set_at_a_pointer_is_found_there_and_taken_out_leaves_nothing(keys: list[str], value: Any) -> None:
    pointer = ""
    for key in keys:
        pointer = join_pointer(pointer, key)
    made = placed({}, pointer, value)
    assert leaves(made) == (pointer,)
    assert steps_of(pointer) == tuple(keys)
    assert taken_out(made, pointer) == {}


@given(overlay=OVERLAYS)
def test_every_leaf_can_be_taken_out_and_set_again(overlay: dict[str, Any]) -> None:
    for pointer in leaves(overlay):
        value: Any = overlay
        for step in steps_of(pointer):
            value = value[step]
        if value != {}:
            assert leaves(placed(taken_out(overlay, pointer), pointer, value)) != ()
            assert placed(overlay, pointer, value) == overlay


def test_others_stay_as_they_were_and_the_document_given_is_not_changed() -> None:
    before = {"a": {"b": 1, "c": [2]}}
    assert placed(before, "/a/d/e", 3) == {"a": {"b": 1, "c": [2], "d": {"e": 3}}}
    assert taken_out(before, "/a/b") == {"a": {"c": [2]}}
    assert before == {"a": {"b": 1, "c": [2]}}
    assert merge_patch(before, placed({}, "/a/b", None)) == {"a": {"c": [2]}}


@pytest.mark.parametrize("pointer", ["", "a", "a/b"])
def test_what_is_no_pointer_is_refused_with_an_example(pointer: str) -> None:
    with pytest.raises(PointerError, match="begins with '/'"):
        placed({}, pointer, 1)


def test_a_step_into_a_value_and_a_step_to_nothing_are_named() -> None:
    with pytest.raises(PointerError, match="/a/0: 'a' holds a value"):
        placed({"a": [1]}, "/a/0", 2)
    with pytest.raises(PointerError, match="/a/0: 'a' holds a value"):
        taken_out({"a": [1]}, "/a/0")
    with pytest.raises(PointerError, match="/b: the overlay does not set it"):
        taken_out({"a": 1}, "/b")

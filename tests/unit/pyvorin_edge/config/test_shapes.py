"""Shapes check values, fill in defaults, and never crash on a value of another kind."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvorin_edge.config.shapes import REQUIRED, Flag, FreeTable, ListOf, Number, Shape, Table, Text

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
SHAPES: tuple[Shape, ...] = (
    Flag(default=True),
    Number(least=0, most=9),
    Number(whole=True, above=0),
    Text(words=("a", "b")),
    Text(default=REQUIRED, nonempty=True),
    ListOf(item=Number(), most=2),
    FreeTable(),
    Table(keys={"a": Flag(default=False), "b": ListOf(item=Text(), unique="name")}),
)


def wrong(shape: Shape, value: Any, *, substituted: bool = True) -> list[str]:
    return [str(problem) for problem in shape.problems(value, "/x", substituted)]


@given(ANYTHING, st.sampled_from(SHAPES), st.booleans())
def test_any_value_is_judged_and_filled_without_a_crash(value: Any, shape: Shape, substituted: bool) -> None:
    wrong(shape, value, substituted=substituted)
    shape.fill(value)


@pytest.mark.parametrize(
    ("shape", "value", "sentence"),
    [
        (Flag(), 1, "/x: must be true or false, not a number"),
        (Number(), "5", "/x: must be a number, not a string"),
        (Number(), True, "/x: must be a number, not true or false"),
        (Number(whole=True), 5.0, "/x: must be a whole number, not a number"),
        (Number(least=1, most=65535), 0, "/x: must be at least 1 and at most 65535, not 0"),
        (Number(above=0), 0, "/x: must be above 0, not 0"),
        (Text(), None, "/x: must be a string, not null"),
        (Text(nonempty=True), " ", "/x: must not be empty"),
        (Text(words=("a", "b", "c")), "d", "/x: must be a, b or c"),
        (Text(words=("a",), later=("z",)), "z", "/x: 'z' is not built yet in this version; use a"),
        (Text(longest=2), "abc", "/x: 3 characters where at most 2 are allowed"),
        (ListOf(item=Flag()), {}, "/x: must be a list, not a table"),
        (ListOf(item=Flag(), most=1), [True, True], "/x: 2 items where at most 1 are allowed"),
        (ListOf(item=Flag()), [True, 0], "/x/1: must be true or false, not a number"),
        (FreeTable(), [1], "/x: must be a table, not a list"),
        (Table(keys={"a": Flag()}), {"b": 1}, "/x/b: unknown key; known here: a"),
        (Table(keys={"a": Text(default=REQUIRED)}), {}, "/x/a: is missing"),
    ],
)
def test_each_fault_has_its_sentence(shape: Shape, value: Any, sentence: str) -> None:
    assert wrong(shape, value) == [sentence]


def test_a_reference_is_judged_after_substitution_only() -> None:
    assert wrong(Text(words=("a",)), "${LEVEL}", substituted=False) == []
    assert wrong(Text(words=("a",)), "${LEVEL}", substituted=True) == ["/x: must be a"]
    assert wrong(Number(), "${PORT}", substituted=False) == ["/x: must be a number, not a string"]


def test_the_same_name_twice_is_named_at_the_second() -> None:
    named = ListOf(item=Table(keys={"name": Text(default=REQUIRED)}), unique="name")
    assert wrong(named, [{"name": "a"}, {"name": "a"}]) == ["/x/1/name: the same name as item 0"]


def test_defaults_fill_what_is_missing_and_leave_the_rest() -> None:
    table = Table(keys={"a": Number(default=1), "b": Number(), "c": ListOf(item=Table(keys={"d": Flag(default=True)}))})
    assert table.fill({"c": [{}], "z": 9}) == {"a": 1, "c": [{"d": True}], "z": 9}
    assert table.fill({"a": 2}) == {"a": 2, "c": []}

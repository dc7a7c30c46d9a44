"""References are replaced in values alone; what is unset is named, and no value is ever shown."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvorin_edge.config.problem import ConfigError
from pyvorin_edge.config.variables import Reference, references, refers, substitute

ENV = {"A": "1", "EMPTY": "", "TRICK": "${A}"}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("${A}", "1"),
        ("x${A}y${A}", "x1y1"),
        ("${B:-two}", "two"),
        ("${B:-}", ""),
        ("${EMPTY}", ""),
        ("${EMPTY:-two}", "two"),
        ("$${A}", "${A}"),
        ("$$${A}", "$${A}"),
        ("$A and $", "$A and $"),
        ("${TRICK}", "${A}"),
    ],
)
def test_each_form_is_substituted(written: str, read: str) -> None:
    assert substitute({"k": [written]}, ENV) == {"k": [read]}


def test_keys_and_other_types_stay() -> None:
    document = {"${A}": 5, "x": {"y": [True, None, 1.5]}}
    assert substitute(document, ENV) == document


@pytest.mark.parametrize("malformed", ["${", "${}", "${1A}", "${A", "${A:default}", "${file:x}"])
def test_a_malformed_reference_is_a_problem(malformed: str) -> None:
    with pytest.raises(ConfigError, match="malformed"):
        substitute({"k": malformed}, ENV)


def test_every_unset_variable_is_named_with_its_path_and_no_value() -> None:
    with pytest.raises(ConfigError) as caught:
        substitute({"a": {"b": "${NONE_1} ${A}"}, "c": ["${NONE_2}"]}, {"A": "secret-value"})
    assert [problem.pointer for problem in caught.value.problems] == ["/a/b", "/c/0"]
    assert "secret-value" not in str(caught.value)


def test_a_value_that_is_not_utf_8_is_refused() -> None:
    with pytest.raises(ConfigError, match="not UTF-8"):
        substitute({"k": "${A}"}, {"A": "\udcff"})


def test_references_are_listed_with_path_and_default() -> None:
    found = references({"a": {"b": "${X}-${Y:-z}"}, "c": ["$${N}"]})
    assert found == (Reference("/a/b", "X", None), Reference("/a/b", "Y", "z"))


def test_only_a_bare_reference_shows_no_value() -> None:
    assert refers("${API_KEY}")
    assert not any(refers(text) for text in ("${A:-hunter2}", "Bearer ${A}", "$${A}", "plain"))


DOCUMENTS = st.recursive(
    st.text(alphabet="ab${}:-", max_size=12) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
).map(lambda value: {"root": value})


@given(DOCUMENTS)
def test_substitution_ends_in_a_document_or_in_problems(document: dict[str, Any]) -> None:
    with contextlib.suppress(ConfigError):
        after = substitute(document, {"a": "1", "b": "2"})
        assert not references(document) or after != document


@given(st.dictionaries(st.text(max_size=3), st.text(alphabet="ab{}:-", max_size=9)))
def test_a_document_without_a_dollar_stays_as_it_is(document: dict[str, Any]) -> None:
    assert substitute(document, {}) == document

"""References are replaced in values alone; what is unset is named, and no value is ever shown."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvorin_edge.config.problem import ConfigError
from pyvorin_edge.config.variables import (
    WELL_FORMED,
    Reference,
    Source,
    Unavailable,
    malformed,
    references,
    refers,
    substitute,
)

ENV = {
    "A": "1", "EMPTY": "", "TRICK": "${A}", "file:/run/key": "f", "credential:key.1": "c",
    "file:/gone": Unavailable("is not there", absent=True), "file:/open": Unavailable("is open to everyone"),
}  # fmt: skip


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
        ("Bearer ${file:/run/key}", "Bearer f"),
        ("${file:/run/key:-d}${credential:key.1}", "fc"),
        ("${file:/gone:-/d:-e}", "/d:-e"),
        ("${credential:other:-}", ""),
        ("$${file:/run/key}", "${file:/run/key}"),
        ("${A:-$}", "1"),
    ],
)
def test_each_form_is_substituted(written: str, read: str) -> None:
    assert substitute({"k": [written]}, ENV) == {"k": [read]}


def test_keys_and_other_types_stay() -> None:
    document = {"${A}": 5, "x": {"y": [True, None, 1.5]}}
    assert substitute(document, ENV) == document


@pytest.mark.parametrize("written", [
    "${", "${}", "${1A}", "${A", "${A:default}", "${file:x}", "${file:}", "${file:/a", "${file:/a\n}", "${files:/a}",
    "${credential:}", "${credential:a/b}", "${credential:..}", "${A:-${B}}",
])  # fmt: skip
def test_a_malformed_reference_is_a_problem(written: str) -> None:
    assert malformed(written) is not None
    with pytest.raises(ConfigError, match="malformed"):
        substitute({"k": written}, ENV)


def test_what_is_there_and_cannot_be_used_is_a_problem_whatever_the_default() -> None:
    with pytest.raises(ConfigError) as caught:
        substitute({"k": "${file:/open:-d}", "l": "${file:/gone}", "m": "${credential:none}"}, ENV)
    assert [str(problem) for problem in caught.value.problems] == [
        "/k: file /open: is open to everyone",
        "/l: file /gone: is not there",
        "/m: credential none is not set, and no default is given as in ${credential:none:-…}",
    ]


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
    (secret,) = references({"a": "${file:/run/key:-d}"})
    assert secret == Reference("/a", "/run/key", "d", Source.FILE)
    assert secret.key == "file:/run/key"


def test_only_a_bare_reference_shows_no_value() -> None:
    assert refers("${API_KEY}")
    assert refers("${file:/run/key}")
    assert not any(refers(text) for text in ("${A:-hunter2}", "Bearer ${A}", "$${A}", "plain", "${"))


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


PIECES = st.lists(st.sampled_from(["$", "{", "}", "file:", "/", "a", "credential:", ":-", ".", "\n", "${A}", "$${"]))


@given(PIECES.map("".join))
def test_the_pattern_for_schemas_and_the_scanner_agree(text: str) -> None:
    assert (re.search(WELL_FORMED, text) is not None) == (malformed(text) is None)


def test_no_text_takes_long() -> None:
    """65,536 bytes of unclosed braces once took twelve seconds; the test's own deadline is the suite's."""
    for piece in ("${A:-", "${file:/", "${file:/a:-", "${", "$"):
        assert (malformed(piece * (65_536 // len(piece))) is None) == (piece == "$")

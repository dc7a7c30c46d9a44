"""Documents as text: what two readers of YAML could take differently is refused, with its line."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pyv_fleet.core.declared.text import DEPTH_MAX, TEXT_BYTES_MAX, TextRefused, read_json, read_yaml, written


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1", {"a": 1}),
        ("a: -0.5", {"a": -0.5}),
        ("a: 1.0e+20", {"a": 1e20}),
        ("a: true\nb: ~\nc:\nd: null", {"a": True, "b": None, "c": None, "d": None}),
        ("a: 'yes'\nb: \"2026-11-01\"\nc: 22.5.1", {"a": "yes", "b": "2026-11-01", "c": "22.5.1"}),
        ("a: |\n  two\n  lines\n", {"a": "two\nlines\n"}),
        ("[1, [a, {b: c}]]", [1, ["a", {"b": "c"}]]),
        ('"1e3": "é\\u00e9"', {"1e3": "éé"}),
    ],
)
def test_plain_yaml_is_read_as_json_would_say_it(text: str, value: Any) -> None:
    assert [one.value for one in read_yaml(text.encode())] == [value]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: yes", "write true or false"),
        ("a: True", "write true or false"),
        ("a: 2026-12-20", "a date"),
        ("a: 2026-12-20T00:00:00Z", "a date"),
        ("a: 22:30", "readers take differently"),
        ("a: 010", "readers take differently"),
        ("a: 0x1F", "readers take differently"),
        ("a: 1_000", "readers take differently"),
        ("a: 1e3", "readers take differently"),
        ("a: .inf", "readers take differently"),
        ("a: &x [1]\nb: *x", "line 1: anchors"),
        ("a: *x", "anchors"),
        ("<<: {a: 1}", "merge"),
        ("a: !!python/object/apply:os.system [x]", "tags"),
        ("a: !!str 1", "tags"),
        ("a: 1\nb: 2\na: 3", "line 3: key 'a' stands twice"),
        ("1: a", "no text"),
        ("on: a", "write true or false"),
        ("[a]: b", "no text"),
        ("a: 99999999999999999999", "2^53"),
        ('a: "\\ud800"', "surrogate"),
        ("a: [", "line 1"),
        ("a: b: c", "line 1"),
        ("a:\n\t- b", "line 2"),
        ("[" * (DEPTH_MAX + 1), "deeper"),
        ("a: \x00", "not YAML"),
    ],
)
def test_what_is_not_plain_is_refused_and_says_what_to_write(text: str, said: str) -> None:
    with pytest.raises(TextRefused) as refused:
        read_yaml(text.encode())
    assert said in str(refused.value)


def test_bytes_that_are_no_text_or_too_many_are_refused() -> None:
    for data in (b"a: \xff", b"#" * (TEXT_BYTES_MAX + 1)):
        with pytest.raises(TextRefused):
            read_yaml(data)
        with pytest.raises(TextRefused):
            read_json(data)


def test_several_documents_are_counted_and_each_value_has_its_line() -> None:
    found = read_yaml(b"---\n# nothing\n---\na:\n  - b: 1\n    c: 2\n")
    assert [(one.number, one.value) for one in found] == [(2, {"a": [{"b": 1, "c": 2}]})]
    assert found[0].lines["a[0].c"] == 6


def test_json_holds_one_document_or_a_list_of_them() -> None:
    assert [one.value for one in read_json(b'{"a": "\\ud83d\\ude00"}')] == [{"a": "\U0001f600"}]
    assert [(one.number, one.value) for one in read_json(b"[{}, 1]")] == [(1, {}), (2, 1)]
    with pytest.raises(TextRefused, match="twice"):
        read_json(b'{"a": 1, "a": 2}')
    with pytest.raises(TextRefused, match=r"2\^53"):
        read_json(b'{"a": 99999999999999999999}')


leaves = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    [
        "yes",
        "no",
        "1e3",
        "22:30",
        "0o7",
        "0E0",
        "1.e5",
        "~",
        "",
        "=",
        "<<",
        "2026-12-20",
        "*a",
        "&a",
        "!a",
        "null",
        "- a",
        "a: b",
        "#",
    ]
)


@settings(deadline=None, max_examples=60)
@given(
    st.recursive(
        leaves | words,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
        max_leaves=8,
    ).filter(lambda value: value is not None)
)
def test_what_is_written_is_read_back_and_any_reader_of_yaml_agrees(value: Any) -> None:
    text = written([value])
    assert [repr(one.value) for one in read_yaml(text.encode())] == [repr(value)]
    assert repr(yaml.safe_load(text)) == repr(value)

"""Overlays over releases: RFC 7396, what is open, and the golden hash of what is written."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvorin_edge.canonical import config_hash
from pyvorin_edge.config.formats import parse, write
from pyvorin_edge.config.layers import closed_leaves, golden_hash, leaves, merge_patch, render
from pyvorin_edge.config.problem import ConfigError
from pyvorin_edge.vocabulary import ConfigFormat

TOML, JSON = ConfigFormat.TOML, ConfigFormat.JSON
KEYS = st.sampled_from(["a", "b", "c/d"])
PLAIN = st.recursive(
    st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
DOCUMENTS = st.dictionaries(KEYS, PLAIN, max_size=3)
PATCHES = st.dictionaries(
    KEYS,
    st.recursive(st.none() | st.integers(-9, 9) | st.just([1]), lambda inner: st.dictionaries(KEYS, inner, max_size=3)),
    max_size=3,
)


@pytest.mark.parametrize(
    ("document", "patch", "after"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        ({"a": "foo"}, None, None),
    ],
)
def test_the_examples_of_rfc_7396(document: Any, patch: Any, after: Any) -> None:
    assert merge_patch(document, patch) == after


@given(DOCUMENTS, PATCHES)
def test_merging_twice_is_merging_once_and_changes_no_argument(document: dict[str, Any], patch: dict[str, Any]) -> None:
    before = repr((document, patch))
    once = merge_patch(document, patch)
    assert merge_patch(once, patch) == once
    assert repr((document, patch)) == before


def test_leaves_are_scalars_nulls_whole_arrays_and_empty_objects() -> None:
    patch = {"a": {"b": 1, "c/d": None}, "e": [{"f": 1}], "g": {}}
    assert leaves(patch) == ("/a/b", "/a/c~1d", "/e", "/g")
    assert leaves({}) == ()


@pytest.mark.parametrize(
    ("open_pointers", "closed"),
    [
        ((), ("/cloud/endpoint", "/sensors/devices")),
        (("/cloud",), ("/sensors/devices",)),
        (("/cloud/endpoint", "/sensors/devices"), ()),
        (("/cloud/end", "/sensors/devices/0"), ("/cloud/endpoint", "/sensors/devices")),
        (("",), ()),
    ],
)
def test_a_leaf_must_lie_at_or_below_an_open_pointer(open_pointers: tuple[str, ...], closed: tuple[str, ...]) -> None:
    patch = {"cloud": {"endpoint": "x"}, "sensors": {"devices": []}}
    assert closed_leaves(patch, open_pointers) == closed


def test_an_empty_overlay_keeps_the_blob_byte_for_byte() -> None:
    blob = b"# a comment\na   =  1\n"
    assert render(blob, TOML, None) == render(blob, TOML, {}) == blob
    assert golden_hash(blob, TOML, None) == config_hash({"a": 1})


@given(DOCUMENTS, PATCHES, st.sampled_from([TOML, JSON]))
def test_the_golden_hash_is_that_of_the_merged_document(
    document: dict[str, Any], patch: dict[str, Any], format: ConfigFormat
) -> None:
    assert golden_hash(write(document, format), format, patch) == config_hash(merge_patch(document, patch))


@given(DOCUMENTS, PATCHES)
def test_the_golden_hash_does_not_depend_on_the_format(document: dict[str, Any], patch: dict[str, Any]) -> None:
    assert golden_hash(write(document, TOML), TOML, patch) == golden_hash(write(document, JSON), JSON, patch)


def test_a_null_inside_an_array_cannot_be_rendered_to_toml() -> None:
    with pytest.raises(ConfigError, match="/a/0"):
        golden_hash(b"", TOML, {"a": [None]})
    assert parse(render(b"{}", JSON, {"a": [None]}), JSON) == {"a": [None]}

"""Layers: the last that names a leaf sets it, and every leaf knows who did; references are typed, and never text."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyv_fleet.core.layering import (
    REFERENCE,
    Layer,
    at,
    leaf_pointers,
    overlay_of,
    removal,
    render_layers,
    stacked,
)
from pyvorin_edge.config.layers import merge_patch

KEYS = st.sampled_from(["a", "b", "c/d", "~"])
SCALARS = st.integers(0, 9) | st.booleans() | st.text("xyz", max_size=3)
PATCHES = st.recursive(
    st.dictionaries(KEYS, SCALARS | st.lists(SCALARS, max_size=3), max_size=3),
    lambda inner: st.dictionaries(KEYS, SCALARS | inner, max_size=3),
    max_leaves=8,
)


def layers(*patches: dict[str, Any]) -> list[Layer]:
    return [Layer(f"layer {number}", patch) for number, patch in enumerate(patches)]


@given(st.lists(PATCHES, min_size=1, max_size=4))
def test_layers_in_their_order_are_merge_patches_one_upon_another(patches: list[dict[str, Any]]) -> None:
    expected = patches[0]
    for patch in patches[1:]:
        expected = merge_patch(expected, patch)
    assert render_layers(layers(*patches)).document == expected


@given(st.lists(PATCHES, min_size=1, max_size=4))
def test_each_leaf_comes_from_the_last_layer_that_has_it_as_it_stands(patches: list[dict[str, Any]]) -> None:
    rendered = render_layers(layers(*patches))
    assert set(rendered.origins) == set(leaf_pointers(rendered.document))
    for pointer, origin in rendered.origins.items():
        number = int(origin.layer.removeprefix("layer "))
        value = at(rendered.document, pointer)
        if value != {}:  # an empty table may be what a removal or a table of other keys left
            assert at(patches[number], pointer) == value
            assert all(at(patch, pointer) is None for patch in patches[number + 1 :])


@given(PATCHES, PATCHES, PATCHES)
def test_overlays_stacked_are_the_same_as_one_after_the_other(
    document: dict[str, Any], lower: dict[str, Any], upper: dict[str, Any]
) -> None:
    whole, clashes = stacked([lower, upper])
    if not clashes:
        assert merge_patch(document, whole) == merge_patch(merge_patch(document, lower), upper)


def test_a_table_over_a_scalar_cannot_be_stacked_and_is_named() -> None:
    assert stacked([{"a": 1}, {"a": {"b": 2}}])[1] == ("/a",)
    assert stacked([{"a": None}, {"a": {"b": 2}}])[1] == ("/a",)
    assert stacked([{"a": {"b": 1}}, {"a": None}]) == ({"a": None}, ())


def test_a_list_is_replaced_whole_and_null_removes() -> None:
    rendered = render_layers(layers({"a": [1, 2], "b": {"c": 1, "d": 2}}, {"a": [3]}, removal("/b/c")))
    assert rendered.document == {"a": [3], "b": {"d": 2}}
    assert rendered.origins["/a"].over == ("layer 0",)


def test_what_is_not_there_cannot_be_removed() -> None:
    rendered = render_layers(layers({"a": [1]}, removal("/a/0"), removal("/b")))
    assert [(fault.layer, fault.pointer) for fault in rendered.faults] == [("layer 1", "/a/0"), ("layer 2", "/b")]


def test_a_reference_takes_the_value_with_its_type_from_the_last_layer_that_gives_it() -> None:
    base = Layer("config", {"poll": {REFERENCE: "seconds"}, "list": [1, {REFERENCE: "seconds"}]})
    fleet, channel = Layer("fleet", {}, {"seconds": 1.5}), Layer("channel", {}, {"seconds": 2})
    rendered = render_layers([base, fleet, channel])
    assert rendered.document == {"poll": 2, "list": [1, 2]}
    assert rendered.origins["/poll"].values == ("seconds of channel",)


def test_text_is_never_pasted() -> None:
    hostile = '"\n[health]\nenabled = false\n#'
    rendered = render_layers([Layer("config", {"a": {REFERENCE: "x"}}), Layer("fleet", {}, {"x": hostile})])
    assert rendered.document == {"a": hostile}


@pytest.mark.parametrize("leaf", [{REFERENCE: "unknown"}, {REFERENCE: 1}, {REFERENCE: "x", "y": 1}, {"$other": "x"}])
def test_an_unknown_value_and_a_broken_reference_are_faults(leaf: dict[str, Any]) -> None:
    rendered = render_layers([Layer("config", {"a": leaf}), Layer("fleet", {}, {"x": 1})])
    assert [(fault.layer, fault.pointer) for fault in rendered.faults] == [("config", "/a")]


def test_a_value_of_a_group_assigns_the_leaves_that_refer_to_it() -> None:
    base = render_layers([Layer("config", {"a": {"b": {REFERENCE: "x"}}, "c": 1}), Layer("fleet", {}, {"x": 1})])
    assert overlay_of(base, Layer("group", {"c": 2}, {"x": 5})).overlay == {"c": 2, "a": {"b": 5}}


def test_what_the_group_sets_itself_stands_before_the_value() -> None:
    base = render_layers([Layer("config", {"a": {REFERENCE: "x"}}), Layer("fleet", {}, {"x": 1})])
    assert overlay_of(base, Layer("group", {"a": 9}, {"x": 5})).overlay == {"a": 9}


def test_a_value_that_nothing_below_gives_is_a_typing_mistake() -> None:
    base = render_layers([Layer("config", {"a": {REFERENCE: "seconds"}}), Layer("fleet", {}, {"seconds": 1})])
    assert [one.pointer for one in overlay_of(base, Layer("group", {}, {"secnds": 5})).faults] == ["/values/secnds"]

"""Overlays laid over each other: at each path the upper one counts, and every leaf says whose it is."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pyv_fleet.core.group_layers import Layer, composed, joined_labels, ordered, provenance, stacked
from pyv_fleet.core.pointers import steps_of
from pyvorin_edge.config.layers import leaves, merge_patch

KEYS = st.sampled_from("abc")
LEAVES = st.one_of(st.none(), st.integers(0, 3), st.lists(st.integers(0, 1), max_size=1))
PATCHES = st.dictionaries(KEYS, LEAVES | st.dictionaries(KEYS, LEAVES, min_size=1, max_size=2), max_size=3)
LAYERS = st.lists(st.builds(Layer, group=st.sampled_from("xyz"), priority=st.integers(0, 2), revision=st.just(1),
                            values=PATCHES), max_size=3, unique_by=lambda layer: layer.group)  # fmt: skip


def at(document: Any, pointer: str) -> Any:
    for step in steps_of(pointer):
        document = document[step]
    return document


@given(layers=LAYERS, own=PATCHES)
def test_every_leaf_is_that_of_whom_it_is_said_to_be(layers: list[Layer], own: dict[str, Any]) -> None:
    overlay, sources = composed(layers, own), provenance(layers, own)
    values = {"device": own} | {f"group {layer.group}": layer.values for layer in layers}
    assert tuple(sources) == leaves(overlay)
    for leaf, source in sources.items():
        assert at(values[source], leaf) == at(overlay, leaf)


@given(layers=LAYERS, own=PATCHES)
def test_what_the_device_sets_itself_always_counts(layers: list[Layer], own: dict[str, Any]) -> None:
    overlay = composed(layers, own)
    assert stacked(overlay, own) == overlay
    assert {leaf for leaf, source in provenance(layers, own).items() if source == "device"} == set(leaves(own))


@given(layers=LAYERS, own=PATCHES)
def test_the_order_in_which_groups_were_joined_does_not_matter(layers: list[Layer], own: dict[str, Any]) -> None:
    assert composed(layers[::-1], own) == composed(layers, own)
    assert ordered(layers[::-1]) == ordered(layers)


@given(lower=PATCHES, upper=PATCHES)
def test_a_null_still_removes_a_key_of_the_release(lower: dict[str, Any], upper: dict[str, Any]) -> None:
    made = merge_patch({"a": 9, "b": 9, "c": 9}, stacked(lower, upper))
    assert all(key not in made for key, value in upper.items() if value is None)


def test_the_higher_priority_counts_and_among_equals_the_later_name() -> None:
    low = Layer(group="z", priority=1, revision=1, values={"a": 1, "b": 1})
    high = Layer(group="a", priority=2, revision=1, values={"a": 2})
    equal = Layer(group="b", priority=2, revision=1, values={"a": 3})
    assert composed([equal, high, low], {}) == {"a": 3, "b": 1}
    assert provenance([equal, high, low], {"b": 5}) == {"/a": "group b", "/b": "device"}


def test_labels_of_groups_by_priority_and_its_own_over_them() -> None:
    groups = [(2, "a", {"tier": "gold", "x": "a"}), (1, "b", {"tier": "tin", "y": "b"})]
    assert joined_labels(groups, {"x": "own"}) == {"tier": "gold", "x": "own", "y": "b"}

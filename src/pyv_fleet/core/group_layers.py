"""What groups and a device itself set, laid over each other: one overlay, one set of labels, and whose each leaf is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from pyvorin_edge.config.layers import leaves

OWN: Final = "device"
"""Whose a leaf is that the device's own values set; a group's is `group NAME`."""


class Layer(msgspec.Struct, frozen=True, kw_only=True):
    """A group's values as one device was given them."""

    group: str
    priority: int
    #: of the group's values, from 1
    revision: int
    values: dict[str, Any]


def ordered(layers: Iterable[Layer]) -> tuple[Layer, ...]:
    """From the lowest to the one that has the last word: by priority, then by name."""
    return tuple(sorted(layers, key=lambda layer: (layer.priority, layer.group)))


def composed(layers: Sequence[Layer], own: dict[str, Any]) -> dict[str, Any]:
    """One overlay of all: the device's own values last, before them the groups' by priority."""
    overlay: dict[str, Any] = {}
    for layer in ordered(layers):
        overlay = stacked(overlay, layer.values)
    return stacked(overlay, own)


def stacked(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    """Two merge patches as one: at each path the upper one counts, tables are joined, nulls stay (they remove)."""
    made = dict(lower)
    for key, value in upper.items():
        below = made.get(key)
        made[key] = stacked(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return made


def provenance(layers: Sequence[Layer], own: dict[str, Any]) -> dict[str, str]:
    """By JSON Pointer of each leaf of `composed`: `device`, or `group NAME`."""
    sources = [*((f"group {layer.group}", layer.values) for layer in ordered(layers)), (OWN, own)]
    found: dict[str, str] = {}
    for name, values in sources:
        found |= dict.fromkeys(leaves(values), name)
    return {leaf: found[leaf] for leaf in leaves(composed(layers, own))}


def joined_labels(groups: Iterable[tuple[int, str, Mapping[str, str]]], own: Mapping[str, str]) -> dict[str, str]:
    """Labels of (priority, name, labels) of the groups that a device is in, its own over them."""
    made: dict[str, str] = {}
    for _, _, labels in sorted(groups, key=lambda one: one[:2]):
        made |= labels
    return dict(sorted({**made, **own}.items()))

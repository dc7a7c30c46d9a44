"""Config in layers: each sets what it names, `null` removes, lists are replaced whole, and every leaf knows its layer.

A leaf may be `{"$value" = "NAME"}`: the value that the layers' `values` tables give that name, with its own type.
Nothing is ever pasted into text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from pyv_fleet.core.pointers import steps_of
from pyvorin_edge.canonical import join_pointer
from pyvorin_edge.config.layers import merge_patch

REFERENCE: Final = "$value"
_ABSENT: Final = object()


class Layer(msgspec.Struct, frozen=True):
    """One layer: an RFC 7396 merge patch on the ones below, and values by name."""

    #: its file
    name: str
    patch: dict[str, Any]
    values: dict[str, Any] = {}


class Fault(msgspec.Struct, frozen=True):
    """What is wrong in a layer, and where."""

    layer: str
    pointer: str
    message: str


class Origin(msgspec.Struct, frozen=True):
    """Where a leaf comes from."""

    layer: str
    #: the layers whose value it replaced, the nearest first
    over: tuple[str, ...] = ()
    #: the values that it refers to, each with the layer that gave it: `poll of layers/fleet.toml`
    values: tuple[str, ...] = ()


class Rendered(msgspec.Struct, frozen=True):
    """The layers merged, and where each leaf of the document comes from."""

    #: references replaced; where one could not be, the reference stands
    document: dict[str, Any]
    #: with the references still in it
    unresolved: dict[str, Any]
    #: by name: the value, and the layer that gave it
    values: dict[str, tuple[Any, str]]
    #: by JSON Pointer of each leaf: a scalar, a list whole, a reference, an empty table
    origins: dict[str, Origin]
    faults: tuple[Fault, ...] = ()


class Overlaid(msgspec.Struct, frozen=True):
    """What a group's or a device's layer assigns over a rendered document."""

    overlay: dict[str, Any]
    faults: tuple[Fault, ...] = ()


def render_layers(layers: Sequence[Layer]) -> Rendered:
    """The layers merged in their order, the first being the whole config that the others change."""
    document: dict[str, Any] = layers[0].patch
    values: dict[str, tuple[Any, str]] = {}
    origins: dict[str, Origin] = {}
    faults: list[Fault] = []
    for number, layer in enumerate(layers):
        if number:
            faults.extend(_vain_removals(document, layer))
            document = merge_patch(document, layer.patch)
        values |= {name: (value, layer.name) for name, value in layer.values.items()}
        origins = {
            pointer: _origin(pointer, layer, origins.get(pointer)) for pointer in leaf_pointers(document)
        }  # fmt: skip
    plain = {name: value for name, (value, _) in values.items()}
    for pointer, leaf in _leaves(document, ""):
        faults.extend(Fault(origins[pointer].layer, pointer, why) for why in _broken(leaf, plain))
        named = tuple(f"{name} of {values[name][1]}" for name in _names_in(leaf) if name in values)
        origins[pointer] = msgspec.structs.replace(origins[pointer], values=named)
    return Rendered(_resolved(document, plain), document, values, origins, tuple(faults))


def overlay_of(base: Rendered, layer: Layer) -> Overlaid:
    """What `layer` assigns: its own leaves, and those below that refer to a value which it gives anew."""
    known = {name: value for name, (value, _) in base.values.items()}
    values = known | layer.values
    faults = list(_vain_removals(base.unresolved, layer))
    for pointer, leaf in _leaves(layer.patch, ""):
        faults.extend(Fault(layer.name, pointer, why) for why in _broken(leaf, values))
    used = set(known) | set(_names_in(layer.patch))
    for name in layer.values.keys() - used:
        faults.append(
            Fault(layer.name, f"/values/{name}", "no layer below gives this value: nothing would refer to it")
        )
    overlay: dict[str, Any] = _resolved(layer.patch, values)
    for pointer, leaf in _leaves(base.unresolved, ""):
        if layer.values.keys() & set(_names_in(leaf)) and not _names(layer.patch, pointer):
            overlay = merge_patch_keeping_null(overlay, _at(pointer, _resolved(leaf, values)))
    return Overlaid(overlay, tuple(faults))


def stacked(overlays: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Overlays above each other as one, later ones over earlier; and the pointers where that cannot be said.

    An RFC 7396 patch cannot replace a scalar or a list by a table that is then the table alone: where one overlay sets
    the first and a later one sets keys below it, the pointer is named.
    """
    clashes: list[str] = []
    whole: dict[str, Any] = {}
    for overlay in overlays:
        clashes.extend(_clashes(whole, overlay, ""))
        whole = merge_patch_keeping_null(whole, overlay)
    return whole, tuple(clashes)


def merge_patch_keeping_null(lower: Any, upper: Any) -> Any:
    """Two patches as one: as RFC 7396 merges, but a null stays, since it still has something to remove."""
    if not isinstance(upper, Mapping):
        return upper
    merged = dict(lower) if isinstance(lower, Mapping) else {}
    for key, item in upper.items():
        merged[key] = merge_patch_keeping_null(merged.get(key), item)
    return merged


def leaf_pointers(document: Mapping[str, Any]) -> tuple[str, ...]:
    """The pointers of all leaves: scalars, lists whole, references, empty tables."""
    return tuple(pointer for pointer, _ in _leaves(document, ""))


def at(document: Any, pointer: str) -> Any:
    """What stands at a pointer that goes through tables alone; none if nothing does."""
    found = _find(document, pointer)
    return None if found is _ABSENT else found


def removal(pointer: str) -> dict[str, Any]:
    """The patch that removes what stands at `pointer`."""
    return _at(pointer, None)


def _origin(pointer: str, layer: Layer, before: Origin | None) -> Origin:
    if before is None:
        return Origin(layer.name)
    return Origin(layer.name, (before.layer, *before.over)) if _names(layer.patch, pointer) else before


def _vain_removals(document: dict[str, Any], layer: Layer) -> Iterator[Fault]:
    for pointer, leaf in _leaves(layer.patch, ""):
        if leaf is None and _find(document, pointer) is _ABSENT:
            why = "nothing stands there to be removed (a list is replaced whole, not item by item)"
            yield Fault(layer.name, pointer, why)


def _broken(leaf: Any, values: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the references in a leaf."""
    match leaf:
        case dict():
            if any(key.startswith("$") for key in leaf) and not _is_reference(leaf):
                yield f'a table that holds a key with `$` is a reference, {{"{REFERENCE}" = "NAME"}}, and nothing else'
            elif _is_reference(leaf) and leaf[REFERENCE] not in values:
                known = ", ".join(sorted(values)) or "none"
                yield f"no layer gives a value {leaf[REFERENCE]!r} (known: {known})"
            else:
                for item in leaf.values():
                    yield from _broken(item, values)
        case list():
            for item in leaf:
                yield from _broken(item, values)


def _resolved(value: Any, values: Mapping[str, Any]) -> Any:
    match value:
        case dict():
            if _is_reference(value):
                return values.get(value[REFERENCE], value)
            return {key: _resolved(item, values) for key, item in value.items()}
        case list():
            return [_resolved(item, values) for item in value]
    return value


def _names_in(value: Any) -> Iterator[str]:
    match value:
        case dict():
            if _is_reference(value):
                yield value[REFERENCE]
            for item in value.values():
                yield from _names_in(item)
        case list():
            for item in value:
                yield from _names_in(item)


def _is_reference(value: Mapping[str, Any]) -> bool:
    return len(value) == 1 and isinstance(value.get(REFERENCE), str)


def _leaves(value: Mapping[str, Any], pointer: str) -> Iterator[tuple[str, Any]]:
    for key, item in value.items():
        here = join_pointer(pointer, key)
        if isinstance(item, dict) and item and not any(inner.startswith("$") for inner in item):
            yield from _leaves(item, here)
        else:
            yield here, item


def _names(patch: dict[str, Any], pointer: str) -> bool:
    """Whether a patch says what stands at `pointer`: itself, or something above or below it whole."""
    here: Any = patch
    for key in steps_of(pointer):
        if not isinstance(here, dict):
            return True
        if key not in here:
            return False
        here = here[key]
    return True


def _find(document: Any, pointer: str) -> Any:
    here = document
    for key in steps_of(pointer):
        if not isinstance(here, Mapping) or key not in here:
            return _ABSENT
        here = here[key]
    return here


def _at(pointer: str, value: Any) -> dict[str, Any]:
    made: Any = value
    for key in reversed(steps_of(pointer)):
        made = {key: made}
    return dict(made)


def _clashes(lower: Any, upper: Mapping[str, Any], pointer: str) -> Iterator[str]:
    for key, item in upper.items():
        if not isinstance(lower, Mapping) or key not in lower or not isinstance(item, Mapping):
            continue
        here = join_pointer(pointer, key)
        if isinstance(lower[key], Mapping):
            yield from _clashes(lower[key], item, here)
        else:
            yield here

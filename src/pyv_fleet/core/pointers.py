"""JSON Pointers (RFC 6901) into overlays: what a person sets or takes out by its path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyvorin_edge.errors import PyvorinError


class PointerError(PyvorinError):
    """A pointer that names no place in an overlay; the message says why."""


def steps_of(pointer: str) -> tuple[str, ...]:
    """The keys that a pointer walks through; PointerError unless it begins with `/`."""
    if not pointer.startswith("/"):
        raise PointerError(f"{pointer!r}: a pointer begins with '/', as in /sensors/scan_interval_seconds")
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in pointer[1:].split("/"))


def placed(document: Mapping[str, Any], pointer: str, value: Any) -> dict[str, Any]:
    """A copy with the value at the pointer, tables made on the way; PointerError if something else stands there."""
    key, *rest = steps_of(pointer)
    return _placed(document, key, rest, value, pointer)


def taken_out(document: Mapping[str, Any], pointer: str) -> dict[str, Any]:
    """A copy without what stands at the pointer, and without the tables that this empties; PointerError if nothing."""
    key, *rest = steps_of(pointer)
    return _taken_out(document, key, rest, pointer)


def _placed(document: Mapping[str, Any], key: str, rest: list[str], value: Any, pointer: str) -> dict[str, Any]:
    if not rest:
        return {**document, key: value}
    inner = document.get(key, {})
    if not isinstance(inner, dict):
        raise PointerError(f"{pointer}: {key!r} holds a value, not a table; a list is set as a whole")
    return {**document, key: _placed(inner, rest[0], rest[1:], value, pointer)}


def _taken_out(document: Mapping[str, Any], key: str, rest: list[str], pointer: str) -> dict[str, Any]:
    if key not in document:
        raise PointerError(f"{pointer}: the overlay does not set it")
    others = {name: inner for name, inner in document.items() if name != key}
    if not rest:
        return others
    inner = document[key]
    if not isinstance(inner, dict):
        raise PointerError(f"{pointer}: {key!r} holds a value, not a table; a list is set as a whole")
    left = _taken_out(inner, rest[0], rest[1:], pointer)
    return {**document, key: left} if left else others

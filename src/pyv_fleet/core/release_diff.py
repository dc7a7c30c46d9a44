"""What differs between two releases: config by key path with secrets hidden, bundle, gate, open pointers, floors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from pyvorin_edge.config.redaction import redact, shown_at
from pyvorin_edge.drift import differing_paths
from pyvorin_edge.orders import Release


class Side(msgspec.Struct, frozen=True):
    """A release and the document of its config; none for a config by itself."""

    release: Release | None
    document: dict[str, Any]


class Difference(msgspec.Struct, frozen=True):
    """One thing that differs; `before` or `after` is absent where it is not there."""

    #: config, bundle, gate, open, security, floor
    of: str
    #: the key path in it; empty = the thing itself
    pointer: str
    before: Any = None
    after: Any = None


def differences(before: Side, after: Side) -> tuple[Difference, ...]:
    """All that a device would notice, config first; the version alone is none. Configs alone where one is no more."""
    terms = () if before.release is None or after.release is None else _terms(before.release, after.release)
    return (*_config(before.document, after.document), *terms)


def _config(before: dict[str, Any], after: dict[str, Any]) -> Iterator[Difference]:
    old, new = redact(before), redact(after)
    for pointer in differing_paths(before, after):
        yield Difference("config", pointer, shown_at(old, pointer), shown_at(new, pointer))


def _terms(before: Release, after: Release) -> Iterator[Difference]:
    for of in ("bundle", "gate"):
        old, new = (msgspec.to_builtins(getattr(one, of)) for one in (before, after))
        for pointer in differing_paths(old, new):
            yield Difference(of, pointer, shown_at(old, pointer), shown_at(new, pointer))
    for pointer in sorted({*before.open} ^ {*after.open}):
        closed, opened = ("open", None) if pointer in before.open else (None, "open")
        yield Difference("open", pointer, closed, opened)
    for of in ("security", "floor"):
        if getattr(before, of) != getattr(after, of):
            yield Difference(of, "", getattr(before, of), getattr(after, of))

"""Label selectors `k=v[,k2=v2]`: which devices a list or a command means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from pyvorin_edge.errors import IdentityError, PyvorinError
from pyvorin_edge.identity import parse_label


class SelectorError(PyvorinError):
    """A selector that cannot be read; the message names the part."""


class Selector(msgspec.Struct, frozen=True):
    """Labels that a device must have, each with just this value; none = every device."""

    labels: tuple[tuple[str, str], ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether every label named stands there with its value; a missing one never matches."""
        return all(labels.get(key) == value for key, value in self.labels)

    def __str__(self) -> str:
        return ",".join(f"{key}={value}" for key, value in self.labels)


def parse_selector(text: str) -> Selector:
    """`k=v[,k2=v2]` as a selector, empty = every device; SelectorError if a part is no label or a key stands twice."""
    try:
        pairs = tuple(parse_label(part.strip()) for part in text.split(",") if text.strip())
    except IdentityError as why:
        raise SelectorError(f"selector {text!r}: {why}") from None
    keys = [key for key, _ in pairs]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise SelectorError(f"selector {text!r}: {twice!r} stands twice, so nothing could match")
    return Selector(tuple(sorted(pairs)))


def parse_where(texts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """`label=value[,value]…[,label2=…]`, several of them: every label named, any of its values (PROTOCOL 5, `where`).

    SelectorError if a part is no label, or a label stands twice.
    """
    where: dict[str, tuple[str, ...]] = {}
    for text in texts:
        label = ""
        for part in (part.strip() for part in text.split(",")):
            named = "=" in part
            if not named and not label:
                raise SelectorError(f"selector {text!r}: write label=value, label=value,value or several of them")
            try:
                label, value = parse_label(part if named else f"{label}={part}")
            except IdentityError as why:
                raise SelectorError(f"selector {text!r}: {why}") from None
            if named and label in where:
                raise SelectorError(f"selector {text!r}: {label!r} stands twice: write {label}=value,value")
            where[label] = tuple(dict.fromkeys((*where.get(label, ()), value)))
    return where


def in_where(where: Mapping[str, Sequence[str]], labels: Mapping[str, str]) -> bool:
    """Whether a device with these labels is meant; nothing named = every device."""
    return all(labels.get(label) in values for label, values in where.items())


def where_text(where: Mapping[str, Sequence[str]]) -> str:
    """As `parse_where` reads it, for people."""
    return ",".join(f"{label}={','.join(values)}" for label, values in sorted(where.items()))

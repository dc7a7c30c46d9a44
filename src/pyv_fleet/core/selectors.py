"""Label selectors `k=v[,k2=v2]`: which devices a list or a command means."""

from __future__ import annotations

from collections.abc import Mapping

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

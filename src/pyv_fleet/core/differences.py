"""Where two configs differ, by key path, as text that a person may see: secrets change, their values never show."""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec

from pyvorin_edge.config.redaction import redact, shown_at
from pyvorin_edge.drift import differing_paths

SECRET_CHANGED: Final = "secret changed"
_ABSENT: Final = object()


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One key path; none = it is absent on that side. Values are JSON text, redacted."""

    pointer: str
    before: str | None
    after: str | None


def changes_between(before: Any, after: Any) -> tuple[Change, ...]:
    """All of them, in the order of their key paths."""
    shown = redact(before), redact(after)
    return tuple(_change(pointer, *shown) for pointer in differing_paths(before, after))


def _change(pointer: str, before: Any, after: Any) -> Change:
    one, other = _text_at(before, pointer), _text_at(after, pointer)
    if one is not None and one == other:
        one, other = SECRET_CHANGED, SECRET_CHANGED
    return Change(pointer=pointer, before=one, after=other)


def _text_at(document: Any, pointer: str) -> str | None:
    value = shown_at(document, pointer, _ABSENT)
    return None if value is _ABSENT else json.dumps(value, sort_keys=True)

"""What stands where the live config differs from the applied one: values beside each other, secrets hidden."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from pyvorin_edge.config.redaction import REDACTED, redact

VALUE_LETTERS_MAX: Final = 200
_ABSENT: Final = object()


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One key path. The values are JSON; none = there is none."""

    path: str
    applied: str | None
    live: str | None


def changes(applied: Any, live: Any, paths: Iterable[str]) -> tuple[Change, ...]:
    """The values at the paths in both documents; what is secret by its name, or a URL's login, is `[redacted]`."""
    shown, now = redact(applied), redact(live)
    return tuple(Change(path=path, applied=_text(shown, path), live=_text(now, path)) for path in paths)


def _text(document: Any, path: str) -> str | None:
    value = _at(document, path)
    if value is _ABSENT:
        return None
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= VALUE_LETTERS_MAX else f"{text[:VALUE_LETTERS_MAX]}…"


def _at(document: Any, path: str) -> Any:
    """The value at a JSON Pointer; what lies below a hidden value is hidden."""
    for part in path.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if document == REDACTED:
            return REDACTED
        if isinstance(document, dict) and key in document:
            document = document[key]
        elif isinstance(document, list) and key.isdigit() and int(key) < len(document):
            document = document[int(key)]
        else:
            return _ABSENT
    return _ABSENT if document is None else document

"""What stands where the live config differs from the applied one: values beside each other, secrets hidden."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from pyvorin_edge.config.redaction import redact, shown_at

VALUE_LETTERS_MAX: Final = 200


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
    value = shown_at(document, path)
    if value is None:
        return None
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= VALUE_LETTERS_MAX else f"{text[:VALUE_LETTERS_MAX]}…"

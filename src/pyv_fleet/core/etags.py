"""What a writer saw before he writes: a change is taken only while that still stands, so that none is lost unseen."""

from __future__ import annotations

import hashlib
from typing import Any, Final

import msgspec

NOTHING: Final = ""
"""Seen by who makes a thing that is not there yet."""


def etag_of(value: Any) -> str:
    """Of a thing's content: the same content has the same one, whoever wrote it; 32 hex."""
    return hashlib.sha256(msgspec.json.encode(value, order="deterministic")).hexdigest()[:32]


def seen_in(if_match: str | None, if_none_match: str | None) -> str | None:
    """What the headers of a request say was seen: `If-Match: "ETAG"`, `If-None-Match: *`; none = it does not say."""
    if if_match is not None and if_match.strip() != "*":
        return if_match.strip().removeprefix("W/").strip('"')
    return NOTHING if if_none_match is not None and if_none_match.strip() == "*" else None

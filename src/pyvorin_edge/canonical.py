"""The canonical form `sorted-json-1` of a config and its hash (PROTOCOL 7): exactly the article's `json.dumps`."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any, Final

from pyvorin_edge.errors import CanonicalError

FORM: Final = "sorted-json-1"
INTEGER_MAX: Final = 2**53


def canonical_bytes(document: Any) -> bytes:
    """The canonical bytes of a document; CanonicalError names the path of what has no such form."""
    refuse_uncanonical(document)
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def config_hash(document: Any) -> str:
    """Config hash: SHA-256 of the canonical bytes, lower-case hex. `5` and `5.0` differ."""
    return hashlib.sha256(canonical_bytes(document)).hexdigest()


def refuse_uncanonical(value: Any, pointer: str = "") -> None:
    """Raise CanonicalError at the first value that `sorted-json-1` does not know: dates, NaN, large integers …"""
    match value:
        case None | bool():
            return
        case str():
            _refuse_surrogates(value, pointer)
        case int():
            if abs(value) > INTEGER_MAX:
                raise CanonicalError(pointer, "an integer beyond ±2^53 does not survive other languages")
        case float():
            if not math.isfinite(value):
                raise CanonicalError(pointer, "NaN and infinities have no JSON form")
        case dict():
            for key, item in value.items():
                if not isinstance(key, str):
                    raise CanonicalError(pointer, f"key {key!r} is not a string")
                _refuse_surrogates(key, pointer)
                refuse_uncanonical(item, join_pointer(pointer, key))
        case list() | tuple():
            for index, item in enumerate(value):
                refuse_uncanonical(item, join_pointer(pointer, str(index)))
        case _:
            raise CanonicalError(pointer, f"a {type(value).__name__} has no JSON form; write it as a string")


def join_pointer(pointer: str, key: str) -> str:
    """One step further in a JSON Pointer (RFC 6901)."""
    return f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"


def _refuse_surrogates(text: str, pointer: str) -> None:
    if not text.isascii() and any(0xD800 <= ord(letter) <= 0xDFFF for letter in text):
        raise CanonicalError(pointer, "a lone surrogate has no UTF-8 form")

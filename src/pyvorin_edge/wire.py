"""JSON as it may come from outside: bounded in size and depth, no key twice (PROTOCOL 5, limits)."""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final, NoReturn, TypeVar

import msgspec

from pyvorin_edge.canonical import join_pointer
from pyvorin_edge.errors import WireError

T = TypeVar("T")

ORDER_BYTES_MAX: Final = 8 * 1024
TRUST_BYTES_MAX: Final = 32 * 1024
BLOB_BYTES_MAX: Final = 64 * 1024
REPORT_BYTES_MAX: Final = 16 * 1024
RESPONSE_BYTES_MAX: Final = 64 * 1024
PARCEL_BYTES_MAX: Final = 1024 * 1024
DEPTH_MAX: Final = 16
#: an escape that may be a lone surrogate, a number that may overflow: only then every value is looked at
_SUSPECT: Final = re.compile(r"\\u[dD][89a-fA-F]|[0-9.][eE]\+?[0-9]{3}|[0-9]{200}")


def loads_strict(data: bytes, *, limit_bytes: int, depth: int = DEPTH_MAX) -> Any:
    """Parse UTF-8 JSON within `limit_bytes` and `depth`, else WireError.

    Refused too: a key twice in one object, NaN, infinities (`1e999` is one) and lone surrogates, which could be read
    and then never be written again. The error's `pointer` says where the last two stand.
    """
    if len(data) > limit_bytes:
        raise WireError(f"{len(data)} bytes where at most {limit_bytes} are allowed")
    if _depth_of(data) > depth:
        raise WireError(f"nested deeper than {depth}")
    try:
        # decoded here: json.loads would guess UTF-16 and let surrogates pass
        text = data.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_no_key_twice, parse_constant=_no_constant)
    except WireError:
        raise
    except (ValueError, RecursionError) as why:
        raise WireError(f"not JSON: {why}") from None
    if _SUSPECT.search(text):
        _refuse_unwritable(value, "")
    return value


def decode(data: bytes, into: type[T], *, limit_bytes: int) -> T:
    """Parse strictly, then into `into`; unknown fields are ignored, a missing or mistyped one is named in WireError."""
    value = loads_strict(data, limit_bytes=limit_bytes)
    try:
        return msgspec.convert(value, into)
    except msgspec.ValidationError as why:
        raise WireError(str(why)) from None


def encode(value: Any) -> bytes:
    """Compact JSON of a struct or plain value, in field order."""
    return msgspec.json.encode(value)


def _depth_of(data: bytes) -> int:
    depth = deepest = 0
    in_string = escaped = False
    for byte in data:
        if in_string:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                in_string = False
        elif byte == 0x22:
            in_string = True
        elif byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


def _refuse_unwritable(value: Any, pointer: str) -> None:
    match value:
        case str() if not value.isascii() and any(0xD800 <= ord(letter) <= 0xDFFF for letter in value):
            raise WireError("a lone surrogate has no UTF-8 form", pointer)
        case float() if not math.isfinite(value):
            raise WireError("NaN and infinities have no JSON form", pointer)
        case dict():
            for key, item in value.items():
                _refuse_unwritable(key, pointer)
                _refuse_unwritable(item, join_pointer(pointer, key))
        case list():
            for index, item in enumerate(value):
                _refuse_unwritable(item, join_pointer(pointer, str(index)))


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise WireError(f"key {twice!r} stands twice in one object")
    return found


def _no_constant(name: str) -> NoReturn:
    raise WireError(f"{name} is no JSON number")

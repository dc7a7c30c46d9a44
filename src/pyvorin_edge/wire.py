"""JSON as it may come from outside: bounded in size and depth, no key twice (PROTOCOL 5, limits)."""

from __future__ import annotations

import json
from typing import Any, Final, NoReturn, TypeVar

import msgspec

from pyvorin_edge.errors import WireError

T = TypeVar("T")

ORDER_BYTES_MAX: Final = 8 * 1024
TRUST_BYTES_MAX: Final = 32 * 1024
BLOB_BYTES_MAX: Final = 64 * 1024
REPORT_BYTES_MAX: Final = 16 * 1024
RESPONSE_BYTES_MAX: Final = 64 * 1024
PARCEL_BYTES_MAX: Final = 1024 * 1024
DEPTH_MAX: Final = 16


def loads_strict(data: bytes, *, limit_bytes: int, depth: int = DEPTH_MAX) -> Any:
    """Parse JSON within `limit_bytes` and `depth`; duplicate keys, NaN and infinities are refused with WireError."""
    if len(data) > limit_bytes:
        raise WireError(f"{len(data)} bytes where at most {limit_bytes} are allowed")
    if _depth_of(data) > depth:
        raise WireError(f"nested deeper than {depth}")
    try:
        return json.loads(data, object_pairs_hook=_no_key_twice, parse_constant=_no_constant)
    except WireError:
        raise
    except (ValueError, RecursionError) as why:
        raise WireError(f"not JSON: {why}") from None


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


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise WireError(f"key {twice!r} stands twice in one object")
    return found


def _no_constant(name: str) -> NoReturn:
    raise WireError(f"{name} is no JSON number")

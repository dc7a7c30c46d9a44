"""Which part of a file a request asks for or brings: `Range`, `If-Range` and `Content-Range` (RFC 9110, 14)."""

from __future__ import annotations

import re
from typing import Final

import msgspec

_RANGE: Final = re.compile(r"bytes=(?P<first>[0-9]{0,15})-(?P<last>[0-9]{0,15})", re.ASCII)
_CONTENT: Final = re.compile(
    r"bytes (?:\*|(?P<first>[0-9]{1,15})-(?P<last>[0-9]{1,15}))/(?P<total>[0-9]{1,15})", re.ASCII
)


class Span(msgspec.Struct, frozen=True):
    """Bytes `first` to `last`, both included."""

    first: int
    last: int

    @property
    def size(self) -> int:
        """Bytes."""
        return self.last - self.first + 1


class Unsatisfiable(Exception):
    """The range begins behind the end of the file: 416."""


class Piece(msgspec.Struct, frozen=True):
    """What an upload brings: a span of so many bytes in all; no span = only asks how far the upload is."""

    span: Span | None
    total: int


def asked_span(size: int, etag: str, range_: str | None, if_range: str | None) -> Span | None:
    """The span to send of a file; none = all of it. Unsatisfiable.

    As RFC 9110 asks, what is not understood (other units, several ranges, nonsense) or was asked of another version
    (`If-Range`) is answered by the whole file.
    """
    found = _RANGE.fullmatch(range_.strip()) if range_ is not None else None
    if found is None or (if_range is not None and if_range.strip() != etag):
        return None
    first, last = found["first"], found["last"]
    if not first:
        return _suffix(size, last)
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise Unsatisfiable
    return Span(int(first), min(int(last), size - 1) if last else size - 1)


def brought_piece(content_range: str) -> Piece | None:
    """What a `Content-Range` says of an upload; none if it is malformed."""
    found = _CONTENT.fullmatch(content_range.strip())
    if found is None:
        return None
    total = int(found["total"])
    if found["first"] is None:
        return Piece(None, total)
    span = Span(int(found["first"]), int(found["last"]))
    return Piece(span, total) if span.first <= span.last < total else None


def _suffix(size: int, last: str) -> Span | None:
    """The last so many bytes."""
    if not last:
        return None
    if int(last) == 0 or size == 0:
        raise Unsatisfiable
    return Span(max(0, size - int(last)), size - 1)

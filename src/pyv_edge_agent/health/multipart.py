"""One field out of a `multipart/form-data` body (RFC 7578), as curl and requests send files."""

from __future__ import annotations

import re
from typing import Final

_BOUNDARY: Final = re.compile(r';\s*boundary="?([^";\s]{1,70})"?', re.IGNORECASE)
_NAME: Final = re.compile(rb'[;\s]name="?([^";\r\n]*)"?', re.IGNORECASE)


class MultipartError(ValueError):
    """A body that is no readable form, or that lacks the field; the message says which."""


def field_of(body: bytes, content_type: str, name: str) -> bytes:
    """The bytes of the field `name`, exactly as sent; MultipartError if it stands there not once."""
    found = [content for field, content in _parts(body, content_type) if field == name]
    if len(found) != 1:
        raise MultipartError(f"the form must have one field {name!r}, it has {len(found)}")
    return found[0]


def _parts(body: bytes, content_type: str) -> list[tuple[str, bytes]]:
    kind, _, _ = content_type.partition(";")
    boundary = _BOUNDARY.search(content_type)
    if kind.strip().lower() != "multipart/form-data" or boundary is None:
        raise MultipartError("the body must be multipart/form-data with a boundary")
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary[1].encode("ascii", "replace"))
    if len(pieces) < 3 or not pieces[-1].startswith(b"--"):
        raise MultipartError("the form is cut off: its closing boundary is missing")
    return [_part_of(piece) for piece in pieces[1:-1]]


def _part_of(piece: bytes) -> tuple[str, bytes]:
    head, gap, content = piece.partition(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        key, _, said = line.partition(b":")
        if key.strip().lower() == b"content-disposition" and (name := _NAME.search(said)) is not None and gap:
            return name[1].decode("utf-8", "replace"), content
    raise MultipartError("a part of the form has no name")

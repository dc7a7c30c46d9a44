"""From when until when a certificate holds, read without loading an X.509 library: memory counts on a device.

Only for the device's own certificate, which was verified when it was issued: nothing is believed by it.
"""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

_SEQUENCE: Final = 0x30
_UTC_TIME: Final = 0x17
_GENERALIZED_TIME: Final = 0x18
_VERSION: Final = 0xA0


class Validity(msgspec.Struct, frozen=True):
    """Unix ms."""

    not_before: int
    not_after: int


class _Part(NamedTuple):
    tag: int
    body: bytes
    rest: bytes


def validity_of(pem: bytes) -> Validity | None:
    """Of the first certificate in the PEM; none if there is none that can be read."""
    try:
        _, _, after = pem.partition(b"-----BEGIN CERTIFICATE-----")
        text, end, _ = after.partition(b"-----END CERTIFICATE-----")
        if not end:
            return None
        return _of_der(base64.b64decode(text))
    except (ValueError, IndexError, OverflowError, binascii.Error):
        return None


def _of_der(der: bytes) -> Validity:
    """RFC 5280: Certificate { tbs { [version], serial, algorithm, issuer, validity, … }, … }."""
    fields = _entered(_entered(der))
    if fields[0] == _VERSION:
        fields = _part(fields).rest
    for _ in range(3):  # serial, algorithm, issuer
        fields = _part(fields).rest
    first = _part(_entered(fields))
    second = _part(first.rest)
    return Validity(_time(first), _time(second))


def _entered(data: bytes) -> bytes:
    part = _part(data)
    if part.tag != _SEQUENCE:
        raise ValueError("not a sequence")
    return part.body


def _part(data: bytes) -> _Part:
    length, start = data[1], 2
    if length & 0x80:
        count = length & 0x7F
        start += count
        length = int.from_bytes(data[2:start])
    if len(data) < start + length:
        raise ValueError("it broke off")
    return _Part(data[0], data[start : start + length], data[start + length :])


def _time(part: _Part) -> int:
    text = part.body.decode("ascii")
    if part.tag == _UTC_TIME:
        text = ("19" if int(text[:2]) >= 50 else "20") + text
    elif part.tag != _GENERALIZED_TIME:
        raise ValueError("not a time")
    if len(text) != len("YYYYMMDDHHMMSSZ") or not text.endswith("Z"):
        raise ValueError("not a time as DER has it")
    # not strptime: it brings a module of its own, for years
    return int(datetime.fromisoformat(f"{text[:8]}T{text[8:]}").timestamp() * 1000)

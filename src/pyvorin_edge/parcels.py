"""Parcels as they are read: orders carried by hand, SSH or HTTP (PROTOCOL 5)."""

from __future__ import annotations

import base64

from pyvorin_edge import wire
from pyvorin_edge.errors import WireError
from pyvorin_edge.identity import Digest, digest_of
from pyvorin_edge.orders import OrderError, Parcel
from pyvorin_edge.vocabulary import Refusal


def decode_parcel(data: bytes) -> Parcel:
    """A parcel of at most 1 MiB; OrderError names what is wrong. Nothing in it is believed yet."""
    try:
        return wire.decode(data, Parcel, limit_bytes=wire.PARCEL_BYTES_MAX)
    except WireError as why:
        raise OrderError(Refusal.MALFORMED, str(why)) from None


def parcel_blobs(parcel: Parcel) -> dict[Digest, bytes]:
    """The parcel's blobs by digest; OrderError if one is not base64."""
    try:
        raw = [base64.b64decode(blob, validate=True) for blob in parcel.blobs]
    except ValueError as why:  # binascii.Error, or letters that are not ASCII
        raise OrderError(Refusal.MALFORMED, f"blobs: not base64: {why}") from None
    return {digest_of(blob): blob for blob in raw}

"""Parcels at the controller: which releases one needs, how it is packed, and what is in it (PROTOCOL 1, 5)."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from pyvorin_edge import orders, wire
from pyvorin_edge.envelope import open_envelope
from pyvorin_edge.errors import PyvorinError
from pyvorin_edge.identity import Digest
from pyvorin_edge.orders import Assignment, BundleRef, Directive, Parcel, Release
from pyvorin_edge.parcels import decode_parcel, parcel_blobs

Order = TypeVar("Order", Directive, Assignment)


class ParcelError(PyvorinError):
    """A parcel that cannot be made or read; the message says why, and what to do."""


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """What a parcel orders. Nothing in it is believed here: devices verify all of it."""

    directive: Directive | None
    assignment: Assignment | None
    releases: dict[Digest, Release]
    #: configs by SHA-256
    blobs: dict[Digest, bytes]

    @property
    def bundles(self) -> dict[str, BundleRef]:
        """The archives that must be brought beside it, by SHA-256."""
        return {one.bundle.sha256: one.bundle for one in self.releases.values() if one.bundle is not None}

    @property
    def versions(self) -> tuple[str, ...]:
        """Of its releases, in their order."""
        return tuple(release.version for release in self.releases.values())


def needed(
    directive: Directive, device_id: str | None = None, assignment: Assignment | None = None
) -> tuple[Digest, ...]:
    """Digests of the releases that the directive may ask for: of its whole channel, or of one device.

    Whether the device holds what a `hold` rule asks for is not known here, so both ways are open.
    """
    if device_id is None or assignment is None:
        return tuple(dict.fromkeys(rule.release for rule in directive.rules))
    if assignment.pin is not None:
        return (assignment.pin.release,)
    found: dict[Digest, None] = {}
    for rule in directive.rules:
        if orders.matches(rule, device_id, assignment, frozenset([rule.release])):
            found[rule.release] = None
            if not rule.hold:
                break
    return tuple(found)


def pack(
    trust: Sequence[bytes], directive: bytes | None, assignment: bytes | None, releases: Sequence[tuple[bytes, bytes]]
) -> bytes:
    """A parcel of what was signed, as it was; `releases` are envelopes with their configs. ParcelError over 1 MiB."""
    blobs = dict.fromkeys(blob for _, blob in releases)
    parcel = Parcel(
        v=1,
        trust=tuple(document.decode("utf-8") for document in trust),
        directive=None if directive is None else directive.decode("utf-8"),
        assignment=None if assignment is None else assignment.decode("utf-8"),
        releases=tuple(envelope.decode("utf-8") for envelope, _ in releases),
        blobs=tuple(base64.b64encode(blob).decode("ascii") for blob in blobs),
    )
    data = orders.encode_order(parcel)
    if len(data) > wire.PARCEL_BYTES_MAX:
        raise ParcelError(
            f"{len(data)} bytes, and devices take at most {wire.PARCEL_BYTES_MAX} (1 MiB): {len(trust)} trust "
            f"documents have {sum(map(len, trust))}, {len(blobs)} configs {sum(map(len, blobs))}; a parcel for one "
            "device holds only the releases that it may be asked for"
        )
    return data


def contents_of(data: bytes) -> Contents:
    """What stands in a parcel; ParcelError if it cannot be read."""
    try:
        parcel = decode_parcel(data)
        envelopes = [open_envelope(text.encode()).payload for text in parcel.releases]
        return Contents(
            directive=_order(parcel.directive, Directive),
            assignment=_order(parcel.assignment, Assignment),
            releases={orders.release_digest(one): orders.decode_order(one, Release) for one in envelopes},
            blobs=parcel_blobs(parcel),
        )
    except PyvorinError as why:
        raise ParcelError(f"not a parcel: {why}") from None


def _order(text: str | None, into: type[Order]) -> Order | None:
    return None if text is None else orders.decode_order(open_envelope(text.encode()).payload, into)

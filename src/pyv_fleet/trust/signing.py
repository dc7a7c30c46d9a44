"""Orders into DSSE envelopes (PROTOCOL 4): by the directive key here, by the release key at the operator's."""

from __future__ import annotations

import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pyv_fleet.core.provenance import TYPE_PROVENANCE
from pyv_fleet.trust.errors import DocumentRefused
from pyv_fleet.trust.keyfiles import read_or_make_key
from pyvorin_edge import envelope, orders, wire


class DirectiveSigner:
    """The controller's signing hand: directives, assignments and requests, never releases."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    @classmethod
    def at(cls, path: Path) -> DirectiveSigner:
        """With the key in `path`, made at the first call; KeyFileError as in keyfiles."""
        return cls(read_or_make_key(path))

    @property
    def public_key(self) -> bytes:
        """The 32 public bytes, for the trust document."""
        return envelope.public_bytes(self._key)

    @property
    def keyid(self) -> str:
        """TUF's keyid."""
        return envelope.keyid_of(self.public_key)

    def directive(self, order: orders.Directive) -> bytes:
        """The sealed directive, ready to publish."""
        return self._seal(order, envelope.TYPE_DIRECTIVE)

    def assignment(self, order: orders.Assignment) -> bytes:
        """The sealed assignment, ready to publish."""
        return self._seal(order, envelope.TYPE_ASSIGNMENT)

    def request(self, order: orders.Request) -> bytes:
        """The sealed request, ready to publish."""
        return self._seal(order, envelope.TYPE_REQUEST)

    def _seal(self, order: orders.Directive | orders.Assignment | orders.Request, payload_type: str) -> bytes:
        return _within_limit(envelope.seal(orders.encode_order(order), payload_type, [self._key]))


def sign_release(release: orders.Release, *keys: Ed25519PrivateKey) -> bytes:
    """The sealed release. Called where the release key lies, which is never the controller's home."""
    if not keys:
        raise DocumentRefused("a release needs at least one release key to sign it")
    return _within_limit(envelope.seal(orders.encode_order(release), envelope.TYPE_RELEASE, keys))


def sign_provenance(statement: bytes, *keys: Ed25519PrivateKey) -> bytes:
    """The sealed statement of where a release comes from, by the keys that sign the release."""
    return envelope.seal(statement, TYPE_PROVENANCE, keys)


def sign_also(sealed: bytes, key: Ed25519PrivateKey, *, limit_bytes: int = wire.ORDER_BYTES_MAX) -> bytes:
    """The envelope with this key's signature beside those that stand in it; the same key again changes nothing.

    EnvelopeError if it is none, DocumentRefused if it would become too large.
    """
    opened = envelope.open_envelope(sealed, limit_bytes=limit_bytes)
    keyid = envelope.keyid_of(envelope.public_bytes(key))
    if keyid in envelope.signers(opened, {keyid: envelope.public_bytes(key)}):
        return sealed
    document = json.loads(sealed)
    document["signatures"] += json.loads(envelope.seal(opened.payload, opened.payload_type, [key]))["signatures"]
    return _within_limit(json.dumps(document, separators=(",", ":")).encode(), limit_bytes)


def _within_limit(sealed: bytes, limit_bytes: int = wire.ORDER_BYTES_MAX) -> bytes:
    """DocumentRefused for what every device would refuse for its size."""
    if len(sealed) > limit_bytes:
        raise DocumentRefused(
            f"the order has {len(sealed)} bytes, devices take {limit_bytes}: shorten its lists or its reason"
        )
    return sealed

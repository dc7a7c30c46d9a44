"""DSSE envelopes with Ed25519 (PROTOCOL 4): signatures are over bytes, so nothing is canonicalised to verify."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from pyvorin_edge import wire
from pyvorin_edge.errors import PyvorinError, WireError

TYPE_DIRECTIVE: Final = "application/vnd.pyvorin.directive.v1+json"
TYPE_ASSIGNMENT: Final = "application/vnd.pyvorin.assignment.v1+json"
TYPE_RELEASE: Final = "application/vnd.pyvorin.release.v1+json"
TYPE_REQUEST: Final = "application/vnd.pyvorin.request.v1+json"
SIGNATURES_MAX: Final = 16


class EnvelopeError(PyvorinError):
    """Bytes that are no readable DSSE envelope; the message says where."""


class Signature(msgspec.Struct, frozen=True):
    """One signature over the pre-authentication encoding."""

    keyid: str
    #: 64 bytes
    sig: bytes


class Envelope(msgspec.Struct, frozen=True):
    """A parsed, not yet verified envelope: do not read `payload` before `signers` was asked."""

    payload: bytes
    payload_type: str
    signatures: tuple[Signature, ...]


def open_envelope(data: bytes, *, limit_bytes: int = wire.ORDER_BYTES_MAX) -> Envelope:
    """Read an envelope without believing it; EnvelopeError if it is too large or misshapen."""
    try:
        value = wire.loads_strict(data, limit_bytes=limit_bytes)
    except WireError as why:
        raise EnvelopeError(str(why)) from None
    try:
        return _envelope_of(value)
    except (KeyError, TypeError, ValueError, binascii.Error) as why:
        raise EnvelopeError(f"not a DSSE envelope: {type(why).__name__} {why}") from None


def signers(envelope: Envelope, keys: Mapping[str, bytes]) -> frozenset[str]:
    """The distinct keyids among `keys` (keyid → 32 public bytes) whose signature over the envelope is good."""
    signed = pre_authentication_encoding(envelope.payload_type, envelope.payload)
    return frozenset(
        one.keyid for one in envelope.signatures if one.keyid in keys and _good(keys[one.keyid], one.sig, signed)
    )


def seal(payload: bytes, payload_type: str, keys: Sequence[Ed25519PrivateKey]) -> bytes:
    """Sign `payload` with every key; the envelope as compact JSON bytes."""
    signed = pre_authentication_encoding(payload_type, payload)
    envelope = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": payload_type,
        "signatures": [
            {"keyid": keyid_of(public_bytes(key)), "sig": base64.b64encode(key.sign(signed)).decode()} for key in keys
        ],
    }
    return json.dumps(envelope, separators=(",", ":")).encode()


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """DSSE's PAE: what is signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def keyid_of(public: bytes) -> str:
    """TUF's keyid of an Ed25519 key of 32 bytes: SHA-256 of its sorted, compact JSON form."""
    shape = {"keytype": "ed25519", "keyval": {"public": public.hex()}, "scheme": "ed25519"}
    return hashlib.sha256(json.dumps(shape, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def public_bytes(key: Ed25519PrivateKey) -> bytes:
    """The 32 bytes of a private key's public half."""
    return key.public_key().public_bytes_raw()


def _envelope_of(value: dict[str, Any]) -> Envelope:
    if not isinstance(value["payloadType"], str) or not isinstance(value["signatures"], list):
        raise ValueError("payloadType must be a string and signatures a list")
    if not 1 <= len(value["signatures"]) <= SIGNATURES_MAX:
        raise ValueError(f"1 to {SIGNATURES_MAX} signatures")
    return Envelope(
        payload=_bytes_of(value["payload"]),
        payload_type=value["payloadType"],
        signatures=tuple(Signature(_text_of(one["keyid"]), _bytes_of(one["sig"])) for one in value["signatures"]),
    )


def _text_of(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("keyid must be a string")
    return value


def _bytes_of(value: object) -> bytes:
    if not isinstance(value, str):
        raise TypeError("base64 must stand in a string")
    return base64.b64decode(value, validate=True)


def _good(public: bytes, signature: bytes, signed: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, signed)
    except (InvalidSignature, ValueError):
        return False
    return True

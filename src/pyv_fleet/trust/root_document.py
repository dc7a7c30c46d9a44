"""Making trust documents: TUF roots whose roles are ours (PROTOCOL 4). The SDK's `trust.py` verifies them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from pyv_fleet.trust.errors import DocumentRefused
from pyvorin_edge import wire
from pyvorin_edge.envelope import keyid_of
from pyvorin_edge.trust import EXTRA_FIELD, Extra, Trust, TrustError, advance, from_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from securesystemslib.signer import SSlibKey
    from tuf.api.metadata import Metadata, Role, Root

SPEC_VERSION: Final = "1.0.31"
ROOT_LIFE: Final = timedelta(days=365)


class RoleKeys(msgspec.Struct, frozen=True):
    """Who holds a role: 32 public bytes each, and how many distinct keys must sign."""

    keys: tuple[bytes, ...]
    threshold: int = 1


class RootTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What a trust document says."""

    root: RoleKeys
    release: RoleKeys
    directive: RoleKeys
    extra: Extra
    expires: datetime


def make_root(terms: RootTerms, signers: Sequence[Ed25519PrivateKey]) -> bytes:
    """Version 1, signed by `signers`, the trust anchor's key among them. DocumentRefused names what cannot be."""
    return _signed(terms, 1, signers)


def next_root(previous: bytes, terms: RootTerms, signers: Sequence[Ed25519PrivateKey]) -> bytes:
    """The version after `previous`, to be signed by enough keys of its root role and of the new one.

    What devices would refuse is refused here: another fleet, an epoch going back, too few signatures.
    """
    from tuf.api.exceptions import UnsignedMetadataError

    before = _read(previous)
    old = msgspec.convert(before.signed.unrecognized_fields.get(EXTRA_FIELD), Extra)
    if terms.extra.fleet != old.fleet:
        raise DocumentRefused(f"fleet: {terms.extra.fleet!r}, the chain is of {old.fleet!r}")
    if terms.extra.epoch < old.epoch:
        raise DocumentRefused(f"epoch: {terms.extra.epoch} is below {old.epoch}, an epoch never goes back")
    made = _signed(terms, before.signed.version + 1, signers)
    after = _read(made)
    try:
        before.signed.verify_delegate("root", after.signed_bytes, after.signatures)
    except (UnsignedMetadataError, ValueError):
        wanted = before.signed.roles["root"].threshold
        raise DocumentRefused(f"signatures: {wanted} keys of the root role before must sign") from None
    return made


def anchor_of(document: bytes) -> Trust:
    """The trust anchor: the root key of the first trust document by which that document holds; DocumentRefused if it
    has none."""
    try:
        signed = json.loads(document)["signed"]
        keys = [signed["keys"][one]["keyval"]["public"] for one in signed["roles"]["root"]["keyids"]]
    except (ValueError, KeyError, TypeError):
        raise DocumentRefused("the first trust document is none; restore it from a backup") from None
    for key in keys:
        try:
            anchor = from_key(bytes.fromhex(key))
            advance(anchor, document)
        except (TrustError, ValueError, TypeError):
            continue
        return anchor
    raise DocumentRefused("no root key of the first trust document signed it; restore it from a backup")


def terms_of(document: bytes) -> RootTerms:
    """What a document says, to be changed and handed to `next_root`; the document is the caller's own, not verified."""
    root = _read(document).signed
    return RootTerms(
        root=_role_keys(root, "root"),
        release=_role_keys(root, "targets"),
        directive=_role_keys(root, "timestamp"),
        extra=msgspec.convert(root.unrecognized_fields[EXTRA_FIELD], Extra),
        expires=root.expires,
    )


def _signed(terms: RootTerms, version: int, signers: Sequence[Ed25519PrivateKey]) -> bytes:
    from securesystemslib.signer import CryptoSigner
    from tuf.api.exceptions import UnsignedMetadataError
    from tuf.api.metadata import Metadata
    from tuf.api.serialization.json import JSONSerializer

    metadata = Metadata(_root(terms, version))
    for key in signers:
        metadata.sign(CryptoSigner(key, _tuf_key(key.public_key().public_bytes_raw())), append=True)
    try:
        metadata.signed.verify_delegate("root", metadata.signed_bytes, metadata.signatures)
    except (UnsignedMetadataError, ValueError):
        raise DocumentRefused(f"signatures: {terms.root.threshold} keys of the root role must sign") from None
    document = metadata.to_bytes(JSONSerializer(compact=True))
    if len(document) > wire.TRUST_BYTES_MAX:
        raise DocumentRefused(f"the document has {len(document)} bytes, devices take {wire.TRUST_BYTES_MAX}")
    return document


def _root(terms: RootTerms, version: int) -> Root:
    from tuf.api.metadata import Root

    if terms.expires.tzinfo is None:
        raise DocumentRefused("expires: must name its time zone")
    everyone = {keyid_of(key): key for keys in (terms.root, terms.release, terms.directive) for key in keys.keys}
    directive = terms.directive
    return Root(
        version=version,
        spec_version=SPEC_VERSION,
        expires=terms.expires.astimezone(UTC).replace(microsecond=0),
        keys={keyid: _tuf_key(public) for keyid, public in everyone.items()},
        roles={
            "root": _tuf_role("root", terms.root),
            "targets": _tuf_role("release", terms.release),
            "timestamp": _tuf_role("directive", directive),
            "snapshot": _tuf_role("directive", directive),
        },
        consistent_snapshot=True,
        unrecognized_fields={EXTRA_FIELD: msgspec.to_builtins(terms.extra)},
    )


def _tuf_role(name: str, held: RoleKeys) -> Role:
    from tuf.api.metadata import Role

    distinct = list(dict.fromkeys(keyid_of(key) for key in held.keys))
    if not 1 <= held.threshold <= len(distinct):
        raise DocumentRefused(f"{name}: a threshold of {held.threshold} with {len(distinct)} keys cannot be met")
    return Role(distinct, held.threshold)


def _tuf_key(public: bytes) -> SSlibKey:
    from securesystemslib.signer import SSlibKey

    if len(public) != 32:
        raise DocumentRefused(f"a public key has 32 bytes, not {len(public)}")
    return SSlibKey(keyid_of(public), "ed25519", "ed25519", {"public": public.hex()})


def _role_keys(root: Root, name: str) -> RoleKeys:
    role = root.roles[name]
    return RoleKeys(tuple(bytes.fromhex(root.keys[keyid].keyval["public"]) for keyid in role.keyids), role.threshold)


def _read(document: bytes) -> Metadata[Root]:
    from tuf.api.exceptions import RepositoryError
    from tuf.api.metadata import Metadata

    try:
        return Metadata.from_bytes(document)
    except (RepositoryError, ValueError, KeyError, TypeError, AttributeError) as why:
        raise DocumentRefused(f"the document before cannot be read: {why}") from None

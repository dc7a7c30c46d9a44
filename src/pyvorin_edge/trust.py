"""Who may sign what, until when (PROTOCOL 4): the anchor and the chain of trust documents (python-tuf)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from pyvorin_edge import wire
from pyvorin_edge.envelope import Envelope, keyid_of, signers
from pyvorin_edge.errors import PyvorinError, WireError
from pyvorin_edge.vocabulary import Role

if TYPE_CHECKING:
    from tuf.api.metadata import Metadata, Root

EXTRA_FIELD = "x-pyvorin"
ROLE_NAMES: Mapping[Role, str] = {Role.ROOT: "root", Role.RELEASE: "targets", Role.DIRECTIVE: "timestamp"}


class TrustError(PyvorinError):
    """A trust anchor or document that does not hold; the message says why."""


class Link(msgspec.Struct, frozen=True):
    """Where the fleet is: broker and API addresses (`host:port`, URLs) and server CAs in PEM."""

    mqtt: tuple[str, ...] = ()
    http: tuple[str, ...] = ()
    ca_pem: tuple[str, ...] = ()


class Extra(msgspec.Struct, frozen=True, kw_only=True):
    """The signed extra field `x-pyvorin` of a trust document."""

    fleet: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$(?!\n)")]
    epoch: Annotated[int, Meta(ge=0)]
    floor: Annotated[int, Meta(ge=0)] = 0
    link: Link = Link()
    revoked_releases: tuple[str, ...] = ()


class Anchor(msgspec.Struct, frozen=True):
    """`trust_anchor.json`: the article's form, and the second with a trust document."""

    public_key: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
    trust: dict[str, Any] | None = None


class Keys(msgspec.Struct, frozen=True):
    """Who holds a role: keyid → 32 public bytes, and how many distinct ones must sign."""

    by_id: dict[str, bytes]
    threshold: int


class Trust(msgspec.Struct, frozen=True, kw_only=True):
    """What a device or controller believes now: the anchor alone (version 0) or the newest document of its chain."""

    anchor_key: bytes
    version: int = 0
    #: the document's bytes; empty at version 0
    document: bytes = b""
    fleet: str | None = None
    epoch: int = 0
    floor: int = 0
    link: Link = Link()
    revoked_releases: frozenset[str] = frozenset()
    #: Unix ms; none at version 0
    expires_at: int | None = None
    roles: dict[Role, Keys]

    def expired(self, now_ms: int) -> bool:
        """Whether new orders are refused; the successor is never refused for this."""
        return self.expires_at is not None and now_ms >= self.expires_at


def parse_anchor(data: bytes) -> Trust:
    """`trust_anchor.json` in either form as the trust to start from; TrustError names the field."""
    try:
        anchor = wire.decode(data, Anchor, limit_bytes=wire.TRUST_BYTES_MAX)
    except WireError as why:
        raise TrustError(f"trust_anchor.json: {why}") from None
    trust = from_key(bytes.fromhex(anchor.public_key))
    return trust if anchor.trust is None else advance(trust, wire.encode(anchor.trust))


def from_key(public_key: bytes) -> Trust:
    """Trust in one Ed25519 key, which is root and, until a document comes, holds every role."""
    if len(public_key) != 32:
        raise TrustError(f"a public key has 32 bytes, not {len(public_key)}")
    alone = Keys({keyid_of(public_key): public_key}, 1)
    return Trust(anchor_key=public_key, roles=dict.fromkeys((Role.ROOT, Role.RELEASE, Role.DIRECTIVE), alone))


def advance(trust: Trust, document: bytes) -> Trust:
    """One step along the chain: version n+1, signed by the old and the new root; TrustError otherwise."""
    if len(document) > wire.TRUST_BYTES_MAX:
        raise TrustError(f"trust document of {len(document)} bytes, at most {wire.TRUST_BYTES_MAX}")
    following = _read(document)
    _verify(trust, following)
    extra = _extra_of(following)
    if trust.fleet is not None and extra.fleet != trust.fleet:
        raise TrustError(f"it is for fleet {extra.fleet!r}, this is {trust.fleet!r}")
    if extra.epoch < trust.epoch:
        raise TrustError(f"epoch {extra.epoch} is below {trust.epoch}")
    return _trust_of(trust.anchor_key, document, following.signed, extra)


def advance_all(trust: Trust, documents: tuple[bytes, ...]) -> Trust:
    """Catch up in order; documents at or below the version in force are passed over."""
    for document in documents:
        if _version_of(document) > trust.version:
            trust = advance(trust, document)
    return trust


def proof_of(anchor: bytes, documents: tuple[bytes, ...]) -> str:
    """What stands for "this chain was verified from this anchor file": whoever kept it need not do so again."""
    parts = [hashlib.sha256(part).digest() for part in (anchor, *documents)]
    return hashlib.sha256(b"pyvorin verified chain\0" + b"".join(parts)).hexdigest()


def verified_before(anchor: bytes, documents: tuple[bytes, ...]) -> Trust | None:
    """The same as `parse_anchor` and `advance_all`, for a chain whose `proof_of` was kept; without python-tuf, which
    costs 2 MiB. None if it must be verified (again)."""
    try:
        found = wire.decode(anchor, Anchor, limit_bytes=wire.TRUST_BYTES_MAX)
        if found.trust is not None or not documents:
            return None
        signed = msgspec.convert(wire.loads_strict(documents[-1], limit_bytes=wire.TRUST_BYTES_MAX), _Document).signed
    except (WireError, msgspec.ValidationError):
        return None
    if signed.version != len(documents):  # some were passed over
        return None
    return _trust_of(bytes.fromhex(found.public_key), documents[-1], signed, signed.extra)


def version_of(document: bytes) -> int:
    """The version that a trust document claims, unverified; TrustError if it is none."""
    return _version_of(document)


def holds(trust: Trust, role: Role, envelope: Envelope) -> bool:
    """Whether enough distinct keys of the role signed the envelope."""
    keys = trust.roles[role]
    return len(signers(envelope, keys.by_id)) >= keys.threshold


class _Key(msgspec.Struct, frozen=True):
    keytype: str
    scheme: str
    keyval: dict[str, str]


class _Role(msgspec.Struct, frozen=True):
    keyids: tuple[str, ...]
    threshold: int


class _Signed(msgspec.Struct, frozen=True):
    """The fields of a TUF root that count here."""

    version: int
    expires: datetime
    keys: dict[str, _Key]
    roles: dict[str, _Role]
    extra: Extra = msgspec.field(name=EXTRA_FIELD)


class _Document(msgspec.Struct, frozen=True):
    signed: _Signed


def _trust_of(anchor_key: bytes, document: bytes, signed: Root | _Signed, extra: Extra) -> Trust:
    return Trust(
        anchor_key=anchor_key,
        version=signed.version,
        document=document,
        fleet=extra.fleet,
        epoch=extra.epoch,
        floor=extra.floor,
        link=extra.link,
        revoked_releases=frozenset(extra.revoked_releases),
        expires_at=int(signed.expires.timestamp() * 1000),
        roles={role: _keys_of(signed, name) for role, name in ROLE_NAMES.items()},
    )


def _version_of(document: bytes) -> int:
    return _read(document).signed.version


def _read(document: bytes) -> Metadata[Root]:
    from securesystemslib.exceptions import StorageError
    from tuf.api.exceptions import RepositoryError
    from tuf.api.metadata import Metadata, Root

    try:
        wire.loads_strict(document, limit_bytes=wire.TRUST_BYTES_MAX)
        found: Metadata[Root] = Metadata[Root].from_bytes(document)
        if found.signed.type != Root.type:
            raise TrustError(f"a trust document is of type root, not {found.signed.type!r}")
        return found
    except (RepositoryError, StorageError, WireError, ValueError, KeyError, TypeError, AttributeError) as why:
        raise TrustError(f"not a trust document: {why}") from None


def _verify(trust: Trust, following: Metadata[Root]) -> None:
    from tuf.api.exceptions import UnsignedMetadataError

    signed = following.signed
    if signed.version != trust.version + 1:
        raise TrustError(f"version {signed.version} does not follow {trust.version}")
    try:
        if trust.version == 0:
            _verify_by_anchor(trust, following)
        else:
            before = _read(trust.document)
            before.signed.verify_delegate(signed.type, following.signed_bytes, following.signatures)
        signed.verify_delegate(signed.type, following.signed_bytes, following.signatures)
    except (UnsignedMetadataError, ValueError) as why:
        raise TrustError(f"version {signed.version} is not signed by enough root keys: {why}") from None
    if signed.roles["timestamp"] != signed.roles["snapshot"]:
        raise TrustError("roles timestamp and snapshot must be equal: both are our directive role")


def _verify_by_anchor(trust: Trust, following: Metadata[Root]) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    found = following.signatures.get(keyid_of(trust.anchor_key))
    if found is None:
        raise TrustError("version 1 is not signed by the trust anchor")
    try:
        Ed25519PublicKey.from_public_bytes(trust.anchor_key).verify(
            bytes.fromhex(found.signature), following.signed_bytes
        )
    except InvalidSignature:
        raise TrustError("the trust anchor's signature on version 1 is false") from None


def _extra_of(document: Metadata[Root]) -> Extra:
    raw = document.signed.unrecognized_fields.get(EXTRA_FIELD)
    try:
        return msgspec.convert(raw, Extra)
    except msgspec.ValidationError as why:
        raise TrustError(f"{EXTRA_FIELD}: {why}") from None


def _keys_of(root: Root | _Signed, name: str) -> Keys:
    role = root.roles[name]
    by_id = {}
    for keyid in role.keyids:
        key = root.keys.get(keyid)
        if key is None:
            raise TrustError(f"key {keyid[:8]}… of role {name} is not among the document's keys")
        if key.keytype != "ed25519" or key.scheme != "ed25519":
            raise TrustError(f"key {keyid[:8]}… of role {name} is {key.keytype}, only ed25519 is known")
        public = _public_of(key.keyval.get("public"), f"key {keyid[:8]}… of role {name}")
        if keyid_of(public) != keyid:
            raise TrustError(f"key {keyid[:8]}… of role {name} does not hash to its keyid")
        by_id[keyid] = public
    return Keys(by_id, role.threshold)


def _public_of(text: object, whose: str) -> bytes:
    try:
        public = bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError:
        public = b""
    if len(public) != 32:
        raise TrustError(f"{whose} is not 64 hex characters")
    return public

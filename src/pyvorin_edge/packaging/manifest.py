"""`manifest.json`: what a bundle holds, signed; read within limits, verified, and only then believed."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Annotated, Any, Final, NoReturn

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Meta

from pyvorin_edge import wire
from pyvorin_edge.canonical import canonical_bytes
from pyvorin_edge.errors import CanonicalError, WireError
from pyvorin_edge.orders import HexDigest, Millis, Text
from pyvorin_edge.packaging.errors import BundleError
from pyvorin_edge.packaging.limits import DEFAULT_LIMITS, BundleLimits
from pyvorin_edge.packaging.paths import MANIFEST_NAME, Paths
from pyvorin_edge.trust import Keys
from pyvorin_edge.vocabulary import BundleFault

SIGNATURES_MAX: Final = 16
PublicKey = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
Size = Annotated[int, Meta(ge=0)]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The signed part of `manifest.json`; the first four fields are Pyvorin's, the others may be absent."""

    bundle_name: Text
    version: Text
    #: when it was signed, Unix ms
    timestamp: Millis
    #: path → SHA-256; every file but `manifest.json` itself
    files: dict[str, HexDigest]
    #: path → bytes
    sizes: dict[str, Size] = {}
    #: the files that are 0755, all others are 0644; none = not said, not checked
    executable: frozenset[str] | None = None
    #: 32 public bytes in hex of each signer, in the order of the signatures
    signed_by: Annotated[tuple[PublicKey, ...], Meta(max_length=SIGNATURES_MAX)] = ()


class SignedManifest(msgspec.Struct, frozen=True, kw_only=True):
    """A manifest that was read and holds together, but is not yet believed: ask `signers_of`."""

    manifest: Manifest
    #: what is signed: the manifest's canonical form
    signed_bytes: bytes
    signatures: tuple[bytes, ...]


class ManifestFile(msgspec.Struct, frozen=True):
    """`manifest.json` as it is written."""

    #: a Manifest
    manifest: dict[str, Any]
    #: by the first key, base64
    signature: str
    #: by further keys, where the role asks for more than one
    cosignatures: Annotated[tuple[str, ...], Meta(max_length=SIGNATURES_MAX - 1)] = ()


def parse_manifest(data: bytes, limits: BundleLimits = DEFAULT_LIMITS) -> SignedManifest:
    """Read strictly; BundleError for what is too large, misshapen, or names paths that no bundle may hold."""
    if len(data) > limits.manifest_bytes:
        raise BundleError(BundleFault.LIMIT, MANIFEST_NAME, f"more than {limits.manifest_bytes} bytes")
    try:
        document = wire.decode(data, ManifestFile, limit_bytes=limits.manifest_bytes)
        signed_bytes = canonical_bytes(document.manifest)
        manifest = msgspec.convert(document.manifest, Manifest)
    except (WireError, CanonicalError, msgspec.ValidationError) as why:
        _refuse(str(why))
    _refuse_inconsistent(manifest)
    _refuse_large(manifest, limits)
    signatures = tuple(_signature_of(text) for text in (document.signature, *document.cosignatures))
    return SignedManifest(manifest=manifest, signed_bytes=signed_bytes, signatures=signatures)


def manifest_bytes(manifest: Manifest, signatures: tuple[bytes, ...]) -> bytes:
    """The one form of `manifest.json` for a manifest and its signatures."""
    document: dict[str, Any] = {
        "manifest": msgspec.to_builtins(manifest, order="deterministic"),
        "signature": base64.b64encode(signatures[0]).decode(),
    }
    if len(signatures) > 1:
        document["cosignatures"] = [base64.b64encode(one).decode() for one in signatures[1:]]
    return canonical_bytes(document) + b"\n"


def signed_bytes_of(manifest: Manifest) -> bytes:
    """What the keys sign: the canonical form (`sorted-json-1`) of the manifest."""
    return canonical_bytes(msgspec.to_builtins(manifest, order="deterministic"))


def signers_of(signed: SignedManifest, keys: Mapping[str, bytes]) -> frozenset[str]:
    """The distinct keyids among `keys` (keyid → 32 public bytes) that signed the manifest."""
    return frozenset(
        keyid
        for keyid, public in keys.items()
        if any(_good(public, one, signed.signed_bytes) for one in signed.signatures)
    )


def refuse_unsigned(signed: SignedManifest, keys: Keys) -> None:
    """BundleError unless enough distinct keys signed."""
    count = len(signers_of(signed, keys.by_id))
    if count < keys.threshold:
        raise BundleError(
            BundleFault.SIGNATURE, MANIFEST_NAME, f"{count} of the {keys.threshold} signatures that are needed"
        )


def _refuse_inconsistent(manifest: Manifest) -> None:
    if not manifest.files:
        _refuse("it lists no file")
    paths = Paths()
    for path in manifest.files:
        paths.add(path)
    if manifest.sizes and manifest.sizes.keys() != manifest.files.keys():
        _refuse("sizes and files list different paths")
    if not manifest.files.keys() >= (manifest.executable or frozenset()):
        _refuse("executable names a path that files does not list")


def _refuse_large(manifest: Manifest, limits: BundleLimits) -> None:
    if len(manifest.files) > limits.files:
        raise BundleError(BundleFault.LIMIT, MANIFEST_NAME, f"{len(manifest.files)} files, at most {limits.files}")
    for path, size in manifest.sizes.items():
        if size > limits.file_bytes:
            raise BundleError(BundleFault.LIMIT, path, f"{size} bytes, at most {limits.file_bytes}")
    total = sum(manifest.sizes.values())
    if total > limits.total_bytes:
        raise BundleError(BundleFault.LIMIT, MANIFEST_NAME, f"{total} bytes in all, at most {limits.total_bytes}")


def _signature_of(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if len(data) != 64:
        _refuse("a signature is not the base64 of 64 bytes")
    return data


def _good(public: bytes, signature: bytes, signed: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def _refuse(why: str) -> NoReturn:
    raise BundleError(BundleFault.MANIFEST, MANIFEST_NAME, why)

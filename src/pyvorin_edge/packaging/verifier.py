"""Whether a bundle on disk is what the release role signed: `verify_bundle`, and Pyvorin's `BundleVerifier` over it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from pyvorin_edge import wire
from pyvorin_edge.errors import WireError
from pyvorin_edge.identity import digest_of
from pyvorin_edge.packaging.errors import BundleError
from pyvorin_edge.packaging.files import read_limited, write_durably
from pyvorin_edge.packaging.limits import DEFAULT_LIMITS, BundleLimits
from pyvorin_edge.packaging.manifest import Manifest, SignedManifest, parse_manifest, refuse_unsigned
from pyvorin_edge.packaging.paths import MANIFEST_NAME
from pyvorin_edge.packaging.tree import check_files as check_files
from pyvorin_edge.trust import Trust, TrustError, advance_all, from_key, parse_anchor
from pyvorin_edge.vocabulary import BundleFault, Role

#: Where the article installs it.
BASE_DIR: Final = Path("/opt/pyvorin-edge")
#: Another directory, for a device that keeps its state elsewhere.
BASE_DIR_VARIABLE: Final = "PYVORIN_EDGE_DIR"
ANCHOR_NAME: Final = "trust_anchor.json"
#: The key that `trust_on_first_use` met first; it holds for bundles alone, never for orders.
FIRST_USE_NAME: Final = "bundle_first_use.json"


class _FirstUse(msgspec.Struct, frozen=True):
    public_key: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]


def verify_bundle(
    directory: Path, manifest_sha256: str, trust: Trust, limits: BundleLimits = DEFAULT_LIMITS
) -> Manifest:
    """The manifest of an unpacked bundle that holds in every respect, else BundleError.

    In this order: the manifest's size, its SHA-256 (which the signed release names) and only then its JSON, the
    signatures (the release role of `trust`, its threshold), its paths and sizes, the directory's names, and the
    SHA-256 of every file.
    """
    data = read_limited(directory / MANIFEST_NAME, limits.manifest_bytes)
    if digest_of(data) != manifest_sha256:
        raise BundleError(
            BundleFault.DIGEST, str(directory / MANIFEST_NAME), f"{digest_of(data)} instead of {manifest_sha256}"
        )
    signed = parse_manifest(data, limits)
    refuse_unsigned(signed, trust.roles[Role.RELEASE])
    check_files(directory, signed.manifest, limits)
    return signed.manifest


class BundleVerifier:
    """Reads what a device trusts from `base_dir`, else $PYVORIN_EDGE_DIR, else /opt/pyvorin-edge.

    `documents`: trust documents in order, if the caller holds newer ones than the anchor; the release role is read
    from the newest.
    """

    def __init__(self, base_dir: str | Path | None = None, *, documents: tuple[bytes, ...] = ()) -> None:
        self._base = Path(base_dir or os.environ.get(BASE_DIR_VARIABLE) or BASE_DIR)
        self._path = self._base / ANCHOR_NAME
        self._documents = documents

    def load_trust_anchor(self) -> bytes:
        """The 32 bytes of the root's Ed25519 public key; TrustError if the file is missing, unreadable or malformed."""
        return self.load_trust().anchor_key

    def load_trust(self) -> Trust:
        """The trust to start from: the key alone (the article's form), or with the second form's trust document."""
        try:
            with self._path.open("rb") as file:
                data = file.read(wire.TRUST_BYTES_MAX + 1)
        except OSError as why:
            raise TrustError(
                f"cannot read the trust anchor {self._path}: {why.strerror}; provision the device"
            ) from why
        try:
            return advance_all(parse_anchor(data), self._documents)
        except TrustError as why:
            raise TrustError(f"{self._path}: {why}") from why

    def verify_at_runtime(
        self, *, bundle_dir: str | Path, manifest: str | Path | None = None, limits: BundleLimits = DEFAULT_LIMITS
    ) -> Manifest:
        """The manifest of a bundle that the release role signed and that is whole; BundleError, TrustError.

        `manifest`: the file, if it lies outside the bundle. Without a release nothing says *which* bundle is the
        right one: an older one that was signed passes too.
        """
        return self._verify(Path(bundle_dir), _read(Path(bundle_dir), manifest, limits), self.load_trust(), limits)

    def trust_on_first_use(self, *, bundle_dir: str | Path, limits: BundleLimits = DEFAULT_LIMITS) -> Manifest:
        """For a bench without an anchor: believe the first signer met here, and from then on no other.

        The key is kept in `bundle_first_use.json` beside where the anchor would lie. Where there is an anchor, it
        decides, and nothing is taken on first use.
        """
        directory = Path(bundle_dir)
        signed = _read(directory, None, limits)
        if self._path.exists():
            return self._verify(directory, signed, self.load_trust(), limits)
        pin = self._base / FIRST_USE_NAME
        known = _pinned(pin) if pin.exists() else None
        if known is None and not signed.manifest.signed_by:
            raise BundleError(BundleFault.SIGNATURE, MANIFEST_NAME, "it does not say who signed it (signed_by)")
        first = known or bytes.fromhex(signed.manifest.signed_by[0])
        found = self._verify(directory, signed, from_key(first), limits)
        if known is None:
            write_durably(pin, [wire.encode(_FirstUse(first.hex())) + b"\n"])
        return found

    def _verify(self, directory: Path, signed: SignedManifest, trust: Trust, limits: BundleLimits) -> Manifest:
        refuse_unsigned(signed, trust.roles[Role.RELEASE])
        check_files(directory, signed.manifest, limits)
        return signed.manifest


def _read(directory: Path, manifest: str | Path | None, limits: BundleLimits) -> SignedManifest:
    within = directory / MANIFEST_NAME
    data = read_limited(Path(manifest) if manifest else within, limits.manifest_bytes)
    if manifest and within.exists() and read_limited(within, limits.manifest_bytes) != data:
        raise BundleError(BundleFault.EXTRA, MANIFEST_NAME, f"another manifest than {manifest}")
    return parse_manifest(data, limits)


def _pinned(path: Path) -> bytes:
    try:
        return bytes.fromhex(wire.decode(read_limited(path, 1024), _FirstUse, limit_bytes=1024).public_key)
    except WireError as why:
        raise TrustError(f"{path}: {why}; remove it to trust the next signer anew") from None

"""Bundles for tests: a directory with a few files, signed by a key that is known here."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pyvorin_edge.identity import digest_of
from pyvorin_edge.packaging.archive import pack
from pyvorin_edge.packaging.signer import BundleSigner
from pyvorin_edge.trust import Trust, from_key

SEED: Final = bytes(range(32))
TRUST: Final[Trust] = from_key(Ed25519PrivateKey.from_private_bytes(SEED).public_key().public_bytes_raw())
FILES: Final[Mapping[str, bytes]] = {
    "bin/agent": b"#!/usr/bin/env python3\n",
    "lib/inner/deep.py": b"x = 1\n" * 50_000,
    "lib/empty": b"",
    "zeros": bytes(512),
}
TIME: Final = 1_700_000_000_000


def lay(directory: Path, files: Mapping[str, bytes] = FILES) -> Path:
    """Write the files below `directory`; those under bin/ are executable."""
    for path, content in files.items():
        file = directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        file.chmod(0o755 if path.startswith("bin/") else 0o644)
    return directory


def signed(directory: Path, files: Mapping[str, bytes] = FILES, *, seed: bytes = SEED, version: str = "1.0") -> Path:
    """Lay the files and sign them; the manifest lies within."""
    lay(directory, files)
    BundleSigner().sign_bundle(
        bundle_dir=directory,
        private_key=seed,
        output_manifest=directory / "manifest.json",
        bundle_name="agent",
        version=version,
        timestamp=TIME,
    )
    return directory


def archive_of(directory: Path) -> io.BytesIO:
    """The archive of a signed bundle, in memory."""
    out = directory.with_name(f"{directory.name}.tar.gz")
    pack(directory, out)
    return io.BytesIO(out.read_bytes())


def manifest_digest(directory: Path) -> str:
    """What a release would name."""
    return digest_of((directory / "manifest.json").read_bytes())

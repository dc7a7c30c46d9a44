"""`BundleSigner`: lists and hashes every file of a directory, and signs the list."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pyvorin_edge.canonical import config_hash
from pyvorin_edge.envelope import public_bytes
from pyvorin_edge.packaging.errors import BundleError
from pyvorin_edge.packaging.files import write_durably
from pyvorin_edge.packaging.limits import DEFAULT_LIMITS, BundleLimits
from pyvorin_edge.packaging.manifest import Manifest, manifest_bytes, parse_manifest, signed_bytes_of
from pyvorin_edge.packaging.paths import MANIFEST_NAME, refuse_path
from pyvorin_edge.packaging.tree import digest_of_file, files_in
from pyvorin_edge.vocabulary import BundleFault

SEED_BYTES: Final = 32
#: Unix seconds, as reproducible builds set it.
EPOCH_VARIABLE: Final = "SOURCE_DATE_EPOCH"


class BundleSigner:
    """Signs bundles as devices take them; what a device would refuse is refused here."""

    def __init__(
        self,
        *,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        limits: BundleLimits = DEFAULT_LIMITS,
    ) -> None:
        """`clock`: Unix ms; `limits`: those of the devices."""
        self._clock = clock
        self._limits = limits

    def sign_bundle(
        self,
        *,
        bundle_dir: str | Path,
        private_key: bytes,
        output_manifest: str | Path,
        bundle_name: str | None = None,
        version: str | None = None,
        timestamp: int | None = None,
        cosigners: Sequence[bytes] = (),
    ) -> Manifest:
        """Write the signed manifest of `bundle_dir` to `output_manifest`, durably, and return what was signed.

        Keys are seeds of 32 bytes; `cosigners` for a role that asks for more than one signature. The same directory,
        names, `timestamp` (Unix ms) and keys give the same bytes. By default the name is the directory's, the version
        `0+` and 12 digits of the content's hash, the time $SOURCE_DATE_EPOCH or now. BundleError, OSError.
        """
        directory = Path(bundle_dir)
        _refuse_output(directory, Path(output_manifest))
        keys = tuple(_key_of(seed) for seed in (private_key, *cosigners))
        manifest = self._list(directory, keys, bundle_name, version, timestamp)
        signed = signed_bytes_of(manifest)
        data = manifest_bytes(manifest, tuple(key.sign(signed) for key in keys))
        parse_manifest(data, self._limits)
        write_durably(Path(output_manifest), [data])
        return manifest

    def _list(
        self,
        directory: Path,
        keys: tuple[Ed25519PrivateKey, ...],
        bundle_name: str | None,
        version: str | None,
        timestamp: int | None,
    ) -> Manifest:
        found = sorted(files_in(directory, self._limits), key=lambda one: one.path)
        for one in found:
            refuse_path(one.path)
        files = {one.path: digest_of_file(directory, one.path, self._limits) for one in found}
        return Manifest(
            bundle_name=bundle_name or directory.resolve().name,
            version=version or f"0+{config_hash(files)[:12]}",
            timestamp=self._time() if timestamp is None else timestamp,
            files=files,  # type: ignore[arg-type]
            sizes={one.path: one.size for one in found},
            executable=frozenset(one.path for one in found if one.executable),
            signed_by=tuple(public_bytes(key).hex() for key in keys),
        )

    def _time(self) -> int:
        epoch = os.environ.get(EPOCH_VARIABLE, "")
        return int(epoch) * 1000 if epoch.isdecimal() else self._clock()


def read_seed(path: Path) -> bytes:
    """The seed in a key file: 64 hex characters or 32 raw bytes, mode 0600. BundleError; the seed is in no message."""
    try:
        mode = path.stat().st_mode & 0o777
        data = b"" if mode & 0o077 else path.read_bytes()
    except OSError as why:
        raise BundleError(BundleFault.KEY, str(path), why.strerror or "unreadable") from None
    if mode & 0o077:
        raise BundleError(BundleFault.KEY, str(path), f"others may read it (mode {mode:04o}): chmod 600 and replace it")
    if len(data) == SEED_BYTES:
        return data
    try:
        seed = bytes.fromhex(data.decode("ascii").strip())
    except ValueError:
        seed = b""
    if len(seed) != SEED_BYTES:
        raise BundleError(BundleFault.KEY, str(path), "it holds no seed")
    return seed


def _key_of(seed: bytes) -> Ed25519PrivateKey:
    if len(seed) != SEED_BYTES:
        raise BundleError(BundleFault.KEY, "private_key", f"{len(seed)} bytes, not {SEED_BYTES}")
    return Ed25519PrivateKey.from_private_bytes(seed)


def _refuse_output(directory: Path, output: Path) -> None:
    """Inside the bundle the manifest has one place; under any other name it would be an extra file."""
    if not directory.is_dir():
        raise BundleError(BundleFault.MISSING, str(directory), "there is no such directory")
    home, place = directory.resolve(), output.resolve()
    if place.is_relative_to(home) and place != home / MANIFEST_NAME:
        raise BundleError(BundleFault.EXTRA, str(output), f"inside the bundle the manifest must be {MANIFEST_NAME}")

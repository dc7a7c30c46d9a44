"""A bundle's directory against its manifest: nothing missing, nothing more, no links, every byte as it was signed."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from pyvorin_edge.packaging.errors import BundleError
from pyvorin_edge.packaging.limits import DEFAULT_LIMITS, BundleLimits
from pyvorin_edge.packaging.manifest import Manifest
from pyvorin_edge.packaging.paths import DEPTH_MAX, MANIFEST_NAME, parents_of
from pyvorin_edge.vocabulary import BundleFault

CHUNK_BYTES: Final = 64 * 1024
_SPECIAL_BITS: Final = stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX


class Found(msgspec.Struct, frozen=True):
    """A plain file in a bundle's directory."""

    path: str
    #: bytes
    size: int
    executable: bool


def check_files(directory: Path, manifest: Manifest, limits: BundleLimits = DEFAULT_LIMITS) -> None:
    """Whether the directory still holds what the manifest lists and nothing else; BundleError names what does not fit.

    Reads every file, streamed. For a bundle whose manifest was verified before, as at each boot.
    """
    check_listing(directory, manifest, limits)
    for path, digest in manifest.files.items():
        if digest_of_file(directory, path, limits) != digest:
            raise BundleError(BundleFault.CONTENT, path, "its SHA-256 is another")


def check_listing(directory: Path, manifest: Manifest, limits: BundleLimits = DEFAULT_LIMITS) -> None:
    """Names, kinds, sizes and modes alone: no file is opened."""
    expected_directories = frozenset(parent for path in manifest.files for parent in parents_of(path))
    missing = set(manifest.files)
    for found in files_in(directory, limits, expected_directories):
        if found.path not in manifest.files:
            raise BundleError(BundleFault.EXTRA, found.path, "a file")
        missing.discard(found.path)
        size = manifest.sizes.get(found.path, found.size)
        if found.size != size:
            raise BundleError(BundleFault.CONTENT, found.path, f"{found.size} bytes where {size} were signed")
        if manifest.executable is not None and found.executable != (found.path in manifest.executable):
            raise BundleError(BundleFault.MODE, found.path, "executable" if found.executable else "not executable")
    if missing:
        raise BundleError(BundleFault.MISSING, min(missing), f"{len(missing)} in all")


def files_in(
    directory: Path, limits: BundleLimits = DEFAULT_LIMITS, expected_directories: frozenset[str] | None = None
) -> Iterator[Found]:
    """Every file but the root's `manifest.json`, by lstat; BundleError at a link, a device, or beyond the limits.

    With `expected_directories`, any other directory is refused; without, an empty one is.
    """
    total = 0
    for files, found in enumerate(_walk(directory, "", expected_directories), start=1):
        total += found.size
        if files > limits.files:
            raise BundleError(BundleFault.LIMIT, str(directory), f"more than {limits.files} files")
        if found.size > limits.file_bytes:
            raise BundleError(BundleFault.LIMIT, found.path, f"{found.size} bytes, at most {limits.file_bytes}")
        if total > limits.total_bytes:
            raise BundleError(BundleFault.LIMIT, str(directory), f"more than {limits.total_bytes} bytes in all")
        yield found


def digest_of_file(directory: Path, path: str, limits: BundleLimits = DEFAULT_LIMITS) -> str:
    """SHA-256 of a file of a bundle, read in pieces; BundleError if it is gone, no plain file, or grows too large."""
    found = hashlib.sha256()
    for chunk in chunks_of(directory, path, limits.file_bytes):
        found.update(chunk)
    return found.hexdigest()


def chunks_of(directory: Path, path: str, limit_bytes: int) -> Iterator[bytes]:
    """The bytes of a plain file, at most `limit_bytes`; links are not followed, pipes not waited for."""
    try:
        descriptor = os.open(directory / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise BundleError(BundleFault.MISSING, path, "it is gone") from None
    try:
        _refuse_kind(os.fstat(descriptor), path)
        seen = 0
        while chunk := os.read(descriptor, CHUNK_BYTES):
            seen += len(chunk)
            if seen > limit_bytes:
                raise BundleError(BundleFault.LIMIT, path, f"more than {limit_bytes} bytes")
            yield chunk
    finally:
        os.close(descriptor)


def _walk(root: Path, within: str, expected: frozenset[str] | None) -> Iterator[Found]:
    if within.count("/") >= DEPTH_MAX:
        raise BundleError(BundleFault.PATH, within, f"deeper than {DEPTH_MAX}")
    empty = True
    with os.scandir(root / within) as entries:
        for entry in entries:
            empty = False
            path = f"{within}/{entry.name}" if within else entry.name
            about = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(about.st_mode):
                if expected is not None and path not in expected:
                    raise BundleError(BundleFault.EXTRA, path, "a directory")
                yield from _walk(root, path, expected)
                continue
            _refuse_kind(about, path)
            if path != MANIFEST_NAME:
                yield Found(path, about.st_size, bool(about.st_mode & stat.S_IXUSR))
    if empty and within:
        raise BundleError(BundleFault.EXTRA, within, "an empty directory")


def _refuse_kind(about: os.stat_result, path: str) -> None:
    if not stat.S_ISREG(about.st_mode):
        raise BundleError(BundleFault.KIND, path, f"its mode begins with {stat.filemode(about.st_mode)[0]!r}")
    if about.st_nlink != 1:
        raise BundleError(BundleFault.KIND, path, f"a hard link, one of {about.st_nlink}")
    if about.st_mode & _SPECIAL_BITS:
        raise BundleError(BundleFault.MODE, path, "setuid, setgid or sticky")

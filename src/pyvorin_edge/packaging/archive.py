"""A bundle as one file: `pack` writes the archive, the same bytes each time; `unpack` lays it down, durably.

`unpack` writes plain files and directories below the directory that it was given, nothing else and nowhere else, and
each only after its size was found within the limits.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from pyvorin_edge.packaging.admission import Admission
from pyvorin_edge.packaging.errors import BundleError
from pyvorin_edge.packaging.files import read_limited, sync_directory, write_durably
from pyvorin_edge.packaging.limits import DEFAULT_LIMITS, BundleLimits
from pyvorin_edge.packaging.manifest import Manifest, parse_manifest
from pyvorin_edge.packaging.paths import MANIFEST_NAME, parents_of
from pyvorin_edge.packaging.tape import BLOCK_BYTES, END, GZIP_FRAME, Member, Tape, header_of
from pyvorin_edge.packaging.tree import check_listing, chunks_of
from pyvorin_edge.vocabulary import BundleFault

#: Above 6 zlib takes twice the time for 1 % less.
_LEVEL: Final = 6


class Packed(msgspec.Struct, frozen=True):
    """An archive that was written."""

    sha256: str
    #: bytes
    size: int
    manifest_sha256: str


def pack(
    bundle_dir: str | Path,
    out: str | Path,
    *,
    manifest: str | Path | None = None,
    limits: BundleLimits = DEFAULT_LIMITS,
) -> Packed:
    """Write the archive of a signed bundle to `out`, durably; it holds exactly what the manifest lists.

    `manifest`: where `manifest.json` lies if not in the bundle. BundleError if the directory is not what was signed.
    The signature is not checked. The tar within is the same bytes everywhere; gzip's may differ between zlibs.
    """
    directory = Path(bundle_dir)
    if Path(out).resolve().is_relative_to(directory.resolve()):
        raise BundleError(BundleFault.EXTRA, str(out), "the archive would lie within the bundle")
    signed = read_limited(Path(manifest) if manifest else directory / MANIFEST_NAME, limits.manifest_bytes)
    listed = parse_manifest(signed, limits).manifest
    check_listing(directory, listed, limits)
    found = hashlib.sha256()
    size = 0

    def counted() -> Iterator[bytes]:
        nonlocal size
        for chunk in _compressed(_tar_of(directory, listed, signed, limits)):
            found.update(chunk)
            size += len(chunk)
            yield chunk

    write_durably(Path(out), counted())
    return Packed(found.hexdigest(), size, hashlib.sha256(signed).hexdigest())


def unpack(archive: BinaryIO, into: Path, limits: BundleLimits = DEFAULT_LIMITS) -> None:
    """Lay an archive down in `into`, which must be empty or not exist (its parent must); BundleError, OSError.

    Every file is fsynced, then every directory from the innermost to `into` itself; to make the name of `into`
    durable is the caller's part, as is removing what is in it after an error. Whether the content is what was signed
    is `verify_bundle`'s question.
    """
    into.mkdir(exist_ok=True)
    if into.is_symlink() or next(into.iterdir(), None) is not None:
        raise BundleError(BundleFault.OCCUPIED, str(into), "something is in it, or it is a link")
    tape, admission, laying = Tape(archive), Admission(limits), _Laying(into)
    while (member := tape.member()) is not None:
        admission.admit(member)
        laying.write(member, tape.content(member))
    admission.finish()
    laying.finish()


class _Laying:
    """Files laid down below a directory, and the directories that wait for their fsync."""

    def __init__(self, into: Path) -> None:
        self._into = into
        self._directories: dict[str, None] = {}

    def write(self, member: Member, chunks: Iterator[bytes]) -> None:
        """Its bytes into a fresh file, fsynced."""
        for parent in parents_of(member.path):
            if parent not in self._directories:
                os.mkdir(self._into / parent, 0o755)
                self._directories[parent] = None
        mode = 0o755 if member.executable else 0o644
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self._into / member.path, flags, mode)
        try:
            for chunk in chunks:
                _write_all(descriptor, chunk)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def finish(self) -> None:
        """Every directory's names made durable, innermost first."""
        for directory in sorted(self._directories, reverse=True):
            sync_directory(self._into / directory)
        sync_directory(self._into)


def _write_all(descriptor: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(descriptor, view) :]


def _compressed(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """A gzip frame without a name or a time."""
    deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, GZIP_FRAME)
    for chunk in chunks:
        if found := deflate.compress(chunk):
            yield found
    yield deflate.flush()


def _tar_of(directory: Path, manifest: Manifest, signed: bytes, limits: BundleLimits) -> Iterator[bytes]:
    yield header_of(MANIFEST_NAME, len(signed), executable=False)
    yield signed
    yield bytes(-len(signed) % BLOCK_BYTES)
    executable = manifest.executable or frozenset()
    for path in sorted(manifest.files):
        size = (directory / path).lstat().st_size
        yield header_of(path, size, executable=path in executable)
        yield from _content_of(directory, path, size, manifest.files[path], limits)
        yield bytes(-size % BLOCK_BYTES)
    yield END


def _content_of(directory: Path, path: str, size: int, digest: str, limits: BundleLimits) -> Iterator[bytes]:
    """Its bytes, or BundleError if they are not those that were signed: hashed while they are read."""
    found = hashlib.sha256()
    seen = 0
    for chunk in chunks_of(directory, path, limits.file_bytes):
        found.update(chunk)
        seen += len(chunk)
        yield chunk
    if seen != size or found.hexdigest() != digest:
        raise BundleError(BundleFault.CONTENT, path, "its SHA-256 is another")

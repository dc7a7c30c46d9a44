"""Single files of this package, whole or not at all: read within a limit, written with temp, fsync, rename."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from pyvorin_edge.packaging.errors import BundleError
from pyvorin_edge.packaging.tree import chunks_of
from pyvorin_edge.vocabulary import BundleFault


def read_limited(path: Path, limit_bytes: int) -> bytes:
    """The bytes of a plain file that is no link; BundleError if it is missing, something else, or larger."""
    try:
        return b"".join(chunks_of(path.parent, path.name, limit_bytes))
    except BundleError as why:
        raise BundleError(why.fault, str(path), why.detail) from None
    except OSError as why:
        raise BundleError(BundleFault.KIND, str(path), why.strerror or str(why)) from None


def write_durably(path: Path, chunks: Iterable[bytes], mode: int = 0o644) -> None:
    """Replace `path` in one step: readers see the old bytes or the new, also after a power cut. OSError passes."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

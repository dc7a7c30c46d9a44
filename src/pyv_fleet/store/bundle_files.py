"""Bundles on the controller's disk: one file each, named by its SHA-256; uploads grow beside them as `.part`."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import BinaryIO, Final

from pyv_fleet.durable import private_dir, sync_directory

CHUNK_BYTES: Final = 1024 * 1024
_PART: Final = ".part"
_NAME: Final = re.compile(r"[0-9a-f]{64}")


class BundleFiles:
    """The directory. Every method blocks on the disk: call it in a thread. OSError passes through."""

    def __init__(self, directory: Path, max_bytes: int) -> None:
        """`max_bytes`: of one archive, what is taken at most."""
        self._directory = directory
        self.max_bytes = max_bytes

    def size_of(self, sha256: str) -> int | None:
        """Bytes of a bundle that is here whole; none if it is not."""
        return self._size(self._path(sha256))

    def received(self, sha256: str) -> int:
        """Bytes of a bundle that were uploaded so far, when it is not whole."""
        return self._size(self._part(sha256)) or 0

    def append(self, sha256: str, first: int, data: bytes) -> None:
        """The next bytes of an upload; `first` must be what was received. Bytes after it are cut off."""
        private_dir(self._directory)
        with open(self._part(sha256), "ab") as file:
            file.truncate(first)
            file.write(data)

    def complete(self, sha256: str) -> bool:
        """Whether the upload is the bundle of that name; then it is one, durably. Else nothing of it is left."""
        part = self._part(sha256)
        with part.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
        if found != sha256:
            part.unlink()
            return False
        os.replace(part, self._path(sha256))
        sync_directory(self._directory)
        return True

    def open(self, sha256: str) -> BinaryIO | None:
        """A whole bundle, to be read and closed by the caller; none if it is not here."""
        try:
            return self._path(sha256).open("rb")
        except FileNotFoundError:
            return None

    def forget_parts(self, before_seconds: float) -> None:
        """Remove uploads that nobody has continued since then (Unix seconds)."""
        for part in self._directory.glob(f"*{_PART}"):
            if part.stat().st_mtime < before_seconds:
                part.unlink(missing_ok=True)

    def _path(self, sha256: str) -> Path:
        if _NAME.fullmatch(sha256) is None:
            raise ValueError(f"{sha256!r} is no digest")
        return self._directory / sha256

    def _part(self, sha256: str) -> Path:
        return self._path(sha256).with_suffix(_PART)

    def _size(self, path: Path) -> int | None:
        try:
            return path.stat().st_size
        except FileNotFoundError:
            return None

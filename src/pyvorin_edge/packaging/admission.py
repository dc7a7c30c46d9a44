"""Which file may come next in an archive: decided by its header, before a byte of it is read."""

from __future__ import annotations

from pyvorin_edge.packaging.errors import BundleError
from pyvorin_edge.packaging.limits import BundleLimits
from pyvorin_edge.packaging.paths import MANIFEST_NAME, Paths
from pyvorin_edge.packaging.tape import Member
from pyvorin_edge.vocabulary import BundleFault


class Admission:
    """The files of one archive so far: manifest first, then in the order of paths, within the limits."""

    def __init__(self, limits: BundleLimits) -> None:
        self._limits = limits
        self._paths = Paths()
        self._last: str | None = None
        self._files = self._total = 0

    def admit(self, member: Member) -> None:
        """BundleError for what is out of order, clashes with a file before it, or is too large."""
        if self._last is None:
            self._admit_manifest(member)
            return
        if self._last != MANIFEST_NAME and member.path <= self._last:
            raise BundleError(BundleFault.ARCHIVE, member.path, "it is not in the order of paths")
        self._paths.add(member.path)
        self._last = member.path
        self._files += 1
        self._total += member.size
        if self._files > self._limits.files:
            raise BundleError(BundleFault.LIMIT, member.path, f"more than {self._limits.files} files")
        if member.size > self._limits.file_bytes:
            raise BundleError(BundleFault.LIMIT, member.path, f"{member.size} bytes, at most {self._limits.file_bytes}")
        if self._total > self._limits.total_bytes:
            raise BundleError(BundleFault.LIMIT, member.path, f"more than {self._limits.total_bytes} bytes in all")

    def finish(self) -> None:
        """BundleError for an archive without a file."""
        if self._last in (None, MANIFEST_NAME):
            raise BundleError(BundleFault.ARCHIVE, "archive", "it holds no file")

    def _admit_manifest(self, member: Member) -> None:
        if member.path != MANIFEST_NAME or member.executable:
            raise BundleError(BundleFault.ARCHIVE, member.path, f"the first file must be a plain {MANIFEST_NAME}")
        if member.size > self._limits.manifest_bytes:
            raise BundleError(BundleFault.LIMIT, MANIFEST_NAME, f"more than {self._limits.manifest_bytes} bytes")
        self._last = MANIFEST_NAME

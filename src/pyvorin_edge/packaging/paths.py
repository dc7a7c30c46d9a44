"""Which paths a bundle may hold: those that mean one and the same file on every file system that it may meet."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Final

from pyvorin_edge.packaging.errors import BundleError
from pyvorin_edge.vocabulary import BundleFault

#: At the root of every bundle; never listed in itself.
MANIFEST_NAME: Final = "manifest.json"
#: A path fits the header of a tar archive: a name of so many bytes after a slash, and before it a prefix.
NAME_BYTES_MAX: Final = 100
PREFIX_BYTES_MAX: Final = 155
DEPTH_MAX: Final = 16
#: control and format characters (they reorder what a person reads), surrogates, line and paragraph separators
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


class Paths:
    """The files of one bundle, taken one by one; BundleError at the first that is unsafe or clashes with another.

    Two paths clash if they differ in case or Unicode form alone, or if one is a directory of the other.
    `manifest.json` is taken from the start.
    """

    def __init__(self) -> None:
        self._taken = {_folded(MANIFEST_NAME): (MANIFEST_NAME, False)}

    def add(self, path: str) -> None:
        """Take a file's path."""
        refuse_path(path)
        for parent in parents_of(path):
            self._claim(parent, is_directory=True)
        self._claim(path, is_directory=False)

    def _claim(self, path: str, *, is_directory: bool) -> None:
        folded = _folded(path)
        standing = self._taken.get(folded)
        if standing is None:
            self._taken[folded] = (path, is_directory)
        elif standing != (path, True) or not is_directory:
            raise BundleError(BundleFault.CLASH, path, f"{standing[0]!r} stands there already")


def refuse_path(path: str) -> None:
    """BundleError for a path that is not relative, clean, visible, in NFC and short enough for the archive."""
    parts = path.split("/")
    if not path or path.startswith("/"):
        _refuse(path, "it is empty or absolute")
    if any(part in ("", ".", "..") for part in parts):
        _refuse(path, "it has an empty part, '.' or '..'")
    if "\\" in path:
        _refuse(path, "it has a backslash")
    if any(unicodedata.category(letter) in _UNSEEN for letter in path):
        _refuse(path, "it has a control or invisible character")
    if unicodedata.normalize("NFC", path) != path:
        _refuse(path, "its Unicode is not in form NFC")
    if len(parts) > DEPTH_MAX:
        _refuse(path, f"it is deeper than {DEPTH_MAX}")
    if split_for_tar(path) is None:
        _refuse(path, f"it is too long: {NAME_BYTES_MAX} bytes, {PREFIX_BYTES_MAX} more before a slash")


def split_for_tar(path: str) -> tuple[bytes, bytes] | None:
    """Prefix and name as a tar header holds them, the prefix as short as can be; none if the path does not fit."""
    data = path.encode("utf-8", "surrogatepass")
    if len(data) <= NAME_BYTES_MAX:
        return b"", data
    slash = data.find(b"/", len(data) - NAME_BYTES_MAX - 1)
    if slash < 1 or slash > PREFIX_BYTES_MAX or slash == len(data) - 1:
        return None
    return data[:slash], data[slash + 1 :]


def parents_of(path: str) -> Iterator[str]:
    """The directories above a file, outermost first."""
    slash = path.find("/")
    while slash != -1:
        yield path[:slash]
        slash = path.find("/", slash + 1)


def _folded(path: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", path).casefold())


def _refuse(path: str, why: str) -> None:
    raise BundleError(BundleFault.PATH, path, why)

"""Bundles on disk: downloads that can be resumed, and slots, one a bundle, whole or not there at all.

A bundle is unpacked and verified beside its place, every file fsynced, and then renamed into it. `current` in the state
directory is a symbolic link to the slot in force, for whoever uses a bundle's files.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from pyv_edge_agent.core.launching import INSTALLED
from pyv_edge_agent.disk.atomic import DiskError, private_dir, sync_directory
from pyv_edge_agent.disk.launch_file import BUNDLES, slot_directory
from pyvorin_edge.identity import parse_digest

CURRENT: Final = "current"
_DOWNLOADS: Final = Path("store", "downloads")


def sha256_of(path: Path) -> str:
    """Of a file of any size; DiskError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as why:
        raise DiskError(path, "read", why) from None


class BundleSlots:
    """The slots and downloads of one state directory. DiskError where the disk refuses."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._slots = private_dir(state / BUNDLES)
        self._downloads = private_dir(state / _DOWNLOADS)

    def sweep(self) -> None:
        """At the agent's start: remove what a power cut left of half-made or half-removed slots."""
        for left in [path for path in self._slots.iterdir() if path.name.startswith(".")]:
            _remove_tree(left)

    def directory(self, slot: str) -> Path:
        """Where the slot is, or would be."""
        return slot_directory(self._state, parse_digest(slot))

    def holds(self, slot: str) -> bool:
        """Whether it is there; then it was whole and verified when it came."""
        return self.directory(slot).is_dir()

    def held(self) -> frozenset[str]:
        """The slots that are there."""
        return frozenset(path.name for path in self._slots.iterdir() if not path.name.startswith("."))

    def download(self, sha256: str) -> Path:
        """Where an archive is fetched to; others that lie about are removed: one is fetched at a time."""
        for other in [path for path in self._downloads.iterdir() if path.name != sha256]:
            _remove_tree(other)
        return self._downloads / parse_digest(sha256)

    @contextlib.contextmanager
    def making(self, slot: str) -> Iterator[Path]:
        """A directory beside the slot's place; when the block ends well it is the slot, else it is gone."""
        beside = self._slots / f".{parse_digest(slot)}"
        _remove_tree(beside)
        try:
            os.mkdir(beside, 0o700)
            yield beside
            os.rename(beside, self.directory(slot))
            sync_directory(self._slots)
        except OSError as why:
            _remove_tree(beside)
            raise DiskError(beside, "lay the bundle ready", why) from None
        except BaseException:
            _remove_tree(beside)
            raise

    def spoil(self, slot: str) -> None:
        """Remove a slot that is not what it should be."""
        self._drop(self.directory(slot))

    def prune(self, keep: Collection[str]) -> None:
        """Remove all slots but `keep`."""
        for slot in self.held().difference(keep):
            self._drop(self._slots / slot)

    def point_at(self, slot: str) -> None:
        """`current` leads to the slot from now on; with the installed code in force there is none."""
        link = self._state / CURRENT
        wanted = None if slot == INSTALLED else str(BUNDLES / slot)
        try:
            if (os.readlink(link) if link.is_symlink() else None) == wanted:
                return
            if wanted is None:
                os.unlink(link)
            else:
                beside = self._state / f".{CURRENT}.tmp"
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(beside)
                os.symlink(wanted, beside)
                os.replace(beside, link)
            sync_directory(self._state)
        except OSError as why:
            raise DiskError(link, "point", why) from None

    def _drop(self, path: Path) -> None:
        """Out of its place in one step: a slot is never there in part."""
        gone = self._slots / f".gone-{path.name}"
        _remove_tree(gone)
        try:
            os.rename(path, gone)
        except FileNotFoundError:
            return
        except OSError as why:
            raise DiskError(path, "remove", why) from None
        sync_directory(self._slots)
        _remove_tree(gone)


def _remove_tree(path: Path) -> None:
    """Remove a file, or a directory with all in it; links are not followed. What cannot go is left there."""
    with contextlib.suppress(OSError):
        if path.is_symlink() or not path.is_dir():
            path.unlink(missing_ok=True)
            return
        for entry in list(path.iterdir()):
            _remove_tree(entry)
        path.rmdir()

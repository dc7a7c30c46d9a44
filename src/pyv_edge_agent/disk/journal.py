"""The device's durable words: one small file a part, written only when it changed, checked when it is read.

A file is the part's bytes, a line feed, and the SHA-256 of those bytes in hex: `cat` shows it, and a flipped bit is
found. What does not check out is set aside, never guessed at. Parts that change together are first written into one
file, `pending`: after a power cut all of them are new, or none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Final

import msgspec

from pyv_edge_agent.disk.atomic import (
    DiskError,
    move_aside,
    private_dir,
    read_bytes,
    remove_durably,
    sweep_temporaries,
    write_durably,
)
from pyv_edge_agent.disk.ballast import relieved

CORRUPT: Final = "corrupt"
PENDING: Final = "pending"
_HEX: Final = 64


class Journal:
    """Named parts in a directory; a name may have one folder, `trust/1`. `write` comes before any effect (rule 3)."""

    def __init__(self, directory: Path) -> None:
        """Open, and finish what a power cut left half done. DiskError if the directory cannot be used."""
        self._directory = private_dir(directory)
        self._known: dict[str, bytes | None] = {}
        #: a write broke off with `pending` in place: the next start would bring that back over whatever comes after
        self._half_done = False
        #: what was found broken since this journal was opened
        self.broken: tuple[Path, ...] = ()
        for folder in (directory, *(found for found in directory.iterdir() if found.is_dir())):
            sweep_temporaries(folder)
        relieved(directory, self._finish)

    def read(self, name: str) -> bytes | None:
        """A part's bytes, none if it was never written; a broken file is set aside and reads as none."""
        framed = read_bytes(self._path(name))
        found = None if framed is None else _unframed(framed)
        if framed is not None and found is None:
            self.set_aside(name)
        self._known[name] = found
        return found

    def write(self, parts: Mapping[str, bytes | None]) -> tuple[str, ...]:
        """Make the parts durable, all or none (none = the file goes); the names of those that were not so already."""
        changed = {name: data for name, data in parts.items() if name not in self._known or self._known[name] != data}
        if changed:
            relieved(self._directory, lambda: self._write_all(changed))
        return tuple(changed)

    def set_aside(self, name: str) -> Path:
        """Rename a part that cannot be understood, and return where it lies now."""
        self._known[name] = None
        aside = move_aside(self._path(name), CORRUPT)
        self.broken = (*self.broken, aside)
        return aside

    def _write_all(self, changed: Mapping[str, bytes | None]) -> None:
        together = len(changed) > 1 or self._half_done
        if together:
            self._half_done = True
            write_durably(self._path(PENDING), _framed(msgspec.json.encode(changed)))
        for name, data in changed.items():
            self._write(name, data)
        if together:
            remove_durably(self._path(PENDING))
            self._half_done = False

    def _finish(self) -> None:
        framed = read_bytes(self._path(PENDING))
        if framed is None:
            return
        whole = _unframed(framed)  # rename made it whole: broken means a bad disk
        if whole is None:
            self.set_aside(PENDING)
            return
        for name, data in msgspec.json.decode(whole, type=dict[str, bytes | None]).items():
            self._write(name, data)
        remove_durably(self._path(PENDING))

    def _write(self, name: str, data: bytes | None) -> None:
        path = self._path(name)
        self._known.pop(name, None)  # until it is certain again
        if data is None:
            remove_durably(path)
        else:
            private_dir(path.parent)
            write_durably(path, _framed(data))
        self._known[name] = data

    def _path(self, name: str) -> Path:
        pieces = PurePosixPath(name).parts
        if not 1 <= len(pieces) <= 2 or any(piece.startswith(".") or piece == "/" for piece in pieces):
            raise ValueError(f"{name!r} is no name of a part")
        return self._directory.joinpath(*pieces)


class Broken(ValueError):
    """A part whose bytes do not check out."""


class Peek:
    """The same parts, read without changing anything: for whoever looks at a device whose agent does not run."""

    def __init__(self, directory: Path) -> None:
        """DiskError if what a power cut left half done cannot be read."""
        self._directory = directory
        whole = self._unframed(PENDING)
        self._pending: dict[str, bytes | None] = (
            {} if whole is None else msgspec.json.decode(whole, type=dict[str, bytes | None])
        )

    def read(self, name: str) -> bytes | None:
        """As the next start will have it; Broken if it will be set aside, DiskError if it cannot be read."""
        return self._pending[name] if name in self._pending else self._unframed(name)

    def _unframed(self, name: str) -> bytes | None:
        framed = read_bytes(self._directory / name)
        found = None if framed is None else _unframed(framed)
        if framed is not None and found is None:
            if name == PENDING:
                return None  # the next start sets it aside and goes on from the parts
            raise Broken(f"{self._directory / name} is broken: its sum does not check out")
        return found


def _framed(data: bytes) -> bytes:
    return b"%s\n%s\n" % (data, hashlib.sha256(data).hexdigest().encode())


def _unframed(framed: bytes) -> bytes | None:
    data, said = framed[: -_HEX - 2], framed[-_HEX - 2 :]
    return data if said == b"\n%s\n" % hashlib.sha256(data).hexdigest().encode() else None


__all__ = ["Broken", "DiskError", "Journal", "Peek"]

"""The device's durable words: one small file a part, written only when it changed, checked when it is read.

A file is the part's bytes, a line feed, and the SHA-256 of those bytes in hex: `cat` shows it, and a flipped bit is
found. What does not check out is set aside, never guessed at.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pyv_edge_agent.disk.atomic import (
    move_aside,
    private_dir,
    read_bytes,
    remove_durably,
    sweep_temporaries,
    write_durably,
)

CORRUPT: Final = "corrupt"
_HEX: Final = 64


class Journal:
    """Named parts in a directory. `write` before any effect (PROTOCOL 5, rule 3)."""

    def __init__(self, directory: Path) -> None:
        self._directory = private_dir(directory)
        self._known: dict[str, bytes | None] = {}
        sweep_temporaries(directory)

    def read(self, name: str) -> bytes | None:
        """A part's bytes, none if it was never written; a broken file is set aside and reads as none."""
        path = self._directory / name
        framed = read_bytes(path)
        found = None if framed is None else _unframed(framed)
        if framed is not None and found is None:
            self.set_aside(name)
        self._known[name] = found
        return found

    def write(self, parts: Mapping[str, bytes | None]) -> tuple[str, ...]:
        """Make the parts durable, none = the file goes; the names of those that were not so already.

        Parts are written in the mapping's order: a power cut between two leaves the first new and the second old.
        """
        changed = tuple(name for name, data in parts.items() if name not in self._known or self._known[name] != data)
        for name in changed:
            self._write(name, parts[name])
        return changed

    def set_aside(self, name: str) -> Path:
        """Rename a part that cannot be understood, and return where it lies now."""
        self._known[name] = None
        aside = move_aside(self._directory / name, CORRUPT)
        self.set_aside_paths = (*self.set_aside_paths, aside)
        return aside

    #: what was found broken since this journal was opened
    set_aside_paths: tuple[Path, ...] = ()

    def _write(self, name: str, data: bytes | None) -> None:
        path = self._directory / name
        self._known.pop(name, None)  # until it is certain again
        if data is None:
            remove_durably(path)
        else:
            write_durably(path, _framed(data))
        self._known[name] = data


def _framed(data: bytes) -> bytes:
    return b"%s\n%s\n" % (data, hashlib.sha256(data).hexdigest().encode())


def _unframed(framed: bytes) -> bytes | None:
    data, said = framed[: -_HEX - 2], framed[-_HEX - 2 :]
    return data if said == b"\n%s\n" % hashlib.sha256(data).hexdigest().encode() else None

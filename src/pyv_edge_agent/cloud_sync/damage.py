"""Which faults mean that the file itself is broken, and setting it aside for a fresh one."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

#: Broken files that are kept for a person; older ones go, for a card that breaks daily must not fill up.
KEPT_MAX: Final = 2
SUFFIX: Final = "corrupt"
#: an error in our own fixed statements means a schema that is not ours any more: a bit of it flipped
_BROKEN: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR})
#: Reading fails: a bad block, or a file that was cut short.
_UNREADABLE: Final = frozenset(
    {sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS}
)

Identity = tuple[int, int]
"""Device and inode: which file it is, whatever its name."""


def is_damage(why: Exception) -> bool:
    """Whether the file is broken, and not merely busy, full or forbidden.

    A schema with a flipped bit is told of by SQLite in its own broken words, which Python then cannot read.
    """
    if isinstance(why, UnicodeDecodeError):
        return True
    code = getattr(why, "sqlite_errorcode", None)
    return code is not None and (code & 0xFF in _BROKEN or code in _UNREADABLE)


def is_full(why: sqlite3.Error) -> bool:
    """Whether the disk has no room, or no more for this process (a quota)."""
    code = getattr(why, "sqlite_errorcode", None)
    return code is not None and (code & 0xFF == sqlite3.SQLITE_FULL or code == sqlite3.SQLITE_IOERR_WRITE)


def identity_of(path: Path) -> Identity | None:
    """Which file has that name now; none if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


@contextmanager
def directory_lock(path: Path, *, alone: bool) -> Iterator[None]:
    """Held while the file's names change (`alone`), or while it is opened: no process opens half of a change."""
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def set_aside(path: Path, broken: Identity | None) -> Path | None:
    """Rename the broken file, with its log, to `<name>.corrupt-<n>`; none if another process did it before.

    OSError if it cannot be renamed. Connections that others still hold keep writing to the renamed file, and notice
    by its identity.
    """
    with directory_lock(path, alone=True):
        if identity_of(path) != broken:
            return None
        number = max((number_of(one) for one in _asides(path)), default=0) + 1
        aside = path.with_name(f"{path.name}.{SUFFIX}-{number}")
        os.replace(path, aside)
        for tail in ("-wal", "-shm"):
            _follow(path.with_name(path.name + tail), aside.with_name(aside.name + tail))
        for old in sorted(_asides(path), key=number_of)[:-KEPT_MAX]:
            for tail in ("", "-wal", "-shm"):
                old.with_name(old.name + tail).unlink(missing_ok=True)
        _sync(path.parent)
        return aside


def number_of(aside: Path) -> int:
    """The n of `….corrupt-n`: how many were set aside so far; 0 for another name."""
    text = aside.name.rpartition("-")[2]
    return int(text) if text.isascii() and text.isdigit() else 0


def _follow(path: Path, aside: Path) -> None:
    if path.exists():
        os.replace(path, aside)


def _asides(path: Path) -> list[Path]:
    return [one for one in path.parent.glob(f"{path.name}.{SUFFIX}-*") if number_of(one) > 0]


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

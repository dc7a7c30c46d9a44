"""Files that survive a power cut whole or not at all: temp, fsync, rename, fsync the directory."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
from pathlib import Path
from typing import Final

#: Owner only: what lies in a state directory is nobody else's.
PRIVATE: Final = 0o600
#: How many broken files of one name are kept for a person to look at.
ASIDE_MAX: Final = 5


class DiskError(Exception):
    """A file that cannot be written, read or removed; the message names it and says why. The old file stays."""

    def __init__(self, path: Path, act: str, why: OSError) -> None:
        super().__init__(f"{path}: cannot {act}: {why.strerror or why}")
        self.path = path
        self.errno = why.errno


def private_dir(path: Path) -> Path:
    """Make `path` (with parents) and return it; one made here may be entered by its owner alone.

    Its name is durable when this returns: what is written into it durably would be lost with it.
    """
    try:
        _make(path)
    except OSError as why:
        raise DiskError(path, "make the directory", why) from None
    return path


def write_durably(path: Path, data: bytes, *, mode: int = PRIVATE) -> None:
    """Replace `path` by `data` in one step: readers see the old bytes or the new, also after a power cut.

    A symbolic link is followed, so that it stays one.
    """
    try:
        path = path.resolve()
        _replace(path, data, mode)
    except OSError as why:
        raise DiskError(path, "write", why) from None
    except RuntimeError:  # as Path.resolve tells of links that go round
        raise DiskError(path, "write", OSError(errno.ELOOP, os.strerror(errno.ELOOP))) from None


def mode_of(path: Path, otherwise: int = PRIVATE) -> int:
    """The permissions of a file that stands, for whoever replaces it; `otherwise` if there is none."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return otherwise


def read_bytes(path: Path) -> bytes | None:
    """The file's bytes, none if there is no such file."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as why:
        raise DiskError(path, "read", why) from None


def remove_durably(path: Path) -> None:
    """Remove a file, if it is there."""
    try:
        path.unlink()
        sync_directory(path.parent)
    except FileNotFoundError:
        return
    except OSError as why:
        raise DiskError(path, "remove", why) from None


def move_aside(path: Path, suffix: str) -> Path:
    """Rename a file within its directory to the first free `<name>.<suffix>[-n]`, and return that path.

    The last place is used again: a card that breaks a file daily for years must not fill up with them.
    """
    aside = path.with_name(f"{path.name}.{suffix}")
    count = 1
    while count < ASIDE_MAX and aside.exists():
        count += 1
        aside = path.with_name(f"{path.name}.{suffix}-{count}")
    try:
        os.replace(path, aside)
        sync_directory(path.parent)
    except OSError as why:
        raise DiskError(path, "set aside", why) from None
    return aside


def sweep_temporaries(directory: Path) -> None:
    """Remove what a power cut left of half-written files in `directory`."""
    for left in directory.glob(".*.tmp"):
        with contextlib.suppress(OSError):
            left.unlink()


def sync_directory(directory: Path) -> None:
    """fsync a directory: what was renamed or removed in it stays so. OSError."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make(path: Path) -> None:
    if path.is_dir():
        return
    if path != path.parent:
        _make(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)
    sync_directory(path.parent)


def _replace(path: Path, data: bytes, mode: int) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    sync_directory(path.parent)

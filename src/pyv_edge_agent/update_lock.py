"""The update lock: an exclusive `flock` on one file, held by an application that must not be interrupted.

A file that cannot be opened holds nobody up: who cannot open it cannot hold it either, and a broken path must not keep
a device from its updates for ever.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

logger = logging.getLogger(__name__)

#: who may open it may hold it; none may write into it
_MODE: Final = 0o644
_LOOK_SECONDS: Final = 0.1
UNKNOWN_HOLDER: Final = "an application"


class LockTimeout(Exception):
    """The lock was not free in time; the message names who holds it."""


class Seen(msgspec.Struct, frozen=True):
    """The lock as it was found."""

    #: who holds it, in words; none = nobody else
    holder: str | None
    #: it is taken by this process
    ours: bool


class UpdateLock:
    """The agent's side of it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._trouble: str | None = None

    def look(self, *, take: bool) -> Seen:
        """Who holds it; with `take` it is ours from now on, if nobody does. Never raises."""
        if self._descriptor is not None:
            return Seen(None, ours=True)
        try:
            descriptor = open_lock(self._path)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = _holder(descriptor)
                os.close(descriptor)
                return Seen(holder, ours=False)
            except OSError:
                os.close(descriptor)
                raise
        except OSError as why:
            self._tell(f"{self._path}: {why.strerror}: nobody can hold this update lock, and it is passed over")
            return Seen(None, ours=take)
        self._trouble = None
        if take:
            self._descriptor = descriptor
        else:
            os.close(descriptor)
        return Seen(None, ours=take)

    def free(self) -> None:
        """Let it go, if it is ours."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _tell(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            logger.warning("%s", trouble)


def open_lock(path: Path) -> int:
    """A descriptor of the file, made if it is not there; OSError. It is only read: whoever may read it may lock it."""
    plain = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    with contextlib.suppress(FileNotFoundError):
        return os.open(path, plain)
    return os.open(path, plain | os.O_CREAT, _MODE)


def wait_for_lock(descriptor: int, within_seconds: float | None) -> None:
    """Take it, waiting so long (none = until it is free); LockTimeout names the holder, OSError."""
    end = None if within_seconds is None else time.monotonic() + within_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as why:
            if why.errno not in (errno.EAGAIN, errno.EACCES, errno.EINTR):
                raise
        if end is not None and time.monotonic() >= end:
            raise LockTimeout(f"the update lock is held by {_holder(descriptor)}")
        time.sleep(_LOOK_SECONDS)


def holder_at(path: Path) -> str | None:
    """Who holds it now; none = nobody, or there is no such file. OSError if it cannot be opened."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return _holder(descriptor)
    finally:
        os.close(descriptor)
    return None


def _holder(descriptor: int) -> str:
    """By the kernel's own list; another container's process is not in it by a number that says anything here."""
    for pid in _pids(os.fstat(descriptor)):
        try:
            name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            continue
        return f"{name} (pid {pid})"
    return UNKNOWN_HOLDER


def _pids(file: os.stat_result) -> Iterator[int]:
    try:
        lines = Path("/proc/locks").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        # "1: FLOCK  ADVISORY  WRITE 4711 08:01:131075 0 EOF"; a line of who waits has "->" in the second place
        words = line.split()
        if len(words) < 6 or words[1] != "FLOCK":
            continue
        major, minor, inode = words[5].split(":")
        if int(inode) == file.st_ino and os.makedev(int(major, 16), int(minor, 16)) == file.st_dev:
            yield int(words[4])

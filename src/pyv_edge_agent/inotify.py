"""What the kernel tells of a directory: inotify(7), by the C library's own calls.

`inotify_simple` is as good, and looks the C library up with child processes and 0.3 MiB of modules that stay.
"""

from __future__ import annotations

import ctypes
import os
import struct
from enum import IntFlag
from pathlib import Path
from typing import Any, Final, NamedTuple

_HEAD: Final = struct.Struct("iIII")
_BUFFER_BYTES: Final = 64 * 1024


class Mask(IntFlag):
    """What may be told, as <sys/inotify.h> has it."""

    ATTRIB = 0x4
    CLOSE_WRITE = 0x8
    MOVED_FROM = 0x40
    MOVED_TO = 0x80
    CREATE = 0x100
    DELETE = 0x200
    DELETE_SELF = 0x400
    MOVE_SELF = 0x800
    UNMOUNT = 0x2000
    Q_OVERFLOW = 0x4000
    IGNORED = 0x8000
    ONLYDIR = 0x0100_0000


class Told(NamedTuple):
    """One event: what happened, and to which name in the directory; empty = to itself."""

    mask: int
    name: str


class Inotify:
    """One inotify instance. OSError where the kernel gives none (too many instances, no memory)."""

    def __init__(self) -> None:
        self._calls: Any = ctypes.CDLL(None, use_errno=True)
        self._descriptor = _checked(self._calls.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK))

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._descriptor < 0

    def fileno(self) -> int:
        """For select."""
        return self._descriptor

    def watch(self, path: Path, mask: Mask) -> None:
        """Tell of this directory from now on; OSError if it is not there, or watches are used up."""
        _checked(self._calls.inotify_add_watch(self._descriptor, os.fsencode(path), ctypes.c_uint32(mask)))

    def read(self) -> list[Told]:
        """All that was told since; does not wait."""
        try:
            data = os.read(self._descriptor, _BUFFER_BYTES)
        except BlockingIOError:
            return []
        return told_in(data)

    def close(self) -> None:
        """Let go of it; may be called twice."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def told_in(data: bytes) -> list[Told]:
    """The events of a read; each name is padded with zeros."""
    found, at = [], 0
    while at < len(data):
        _, mask, _, length = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        found.append(Told(mask, os.fsdecode(data[at : at + length].rstrip(b"\0"))))
        at += length
    return found


def _checked(answer: int) -> int:
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return answer

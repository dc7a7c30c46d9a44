"""One at a time on a state directory: the running agent, or who writes there while none runs."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path


class AgentRunning(Exception):
    """Another agent runs on the same state directory."""


def take_lock(path: Path) -> int:
    """The open, locked file's descriptor: closed, or at the process's end, the lock is free. AgentRunning if another
    holds it; OSError if there can be no such file."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as why:
        if why.errno != errno.EROFS:
            raise
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)  # a card that went read-only still has its lock
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise AgentRunning(f"another agent runs on {path.parent}: stop it first") from None
    except OSError:
        os.close(descriptor)
        raise
    return descriptor

"""Room kept for the few words that must be durable on a full disk: a file that is given up when it is needed.

Whatever filled the disk, an agent can then still count a start, go back, and say so.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pyv_edge_agent.disk.atomic import DiskError, remove_durably, write_durably

NAME: Final = "ballast"
#: some dozens of small files; random, so that no file system stores it as a hole or compresses it away
BALLAST_BYTES: Final = 512 * 1024


def lay_ballast(directory: Path, fill: Callable[[int], bytes]) -> bool:
    """Take it on board, if it is not there: whether it is now. A full disk is no error here: it comes later."""
    path = directory / NAME
    try:
        if path.stat().st_size >= BALLAST_BYTES:
            return True
    except OSError:
        pass
    with contextlib.suppress(DiskError):
        write_durably(path, fill(BALLAST_BYTES))
        return True
    return False


def relieved(directory: Path, act: Callable[[], None]) -> None:
    """Do it; on a full disk give the ballast up and do it again. DiskError if that does not help either."""
    try:
        act()
    except DiskError as why:
        if why.errno not in (errno.ENOSPC, errno.EDQUOT) or not (directory / NAME).exists():
            raise
        remove_durably(directory / NAME)
        act()

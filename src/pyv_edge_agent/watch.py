"""Notices an edited file: inotify on its directory, because editors replace files rather than write them."""

from __future__ import annotations

import logging
import os
import select
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from pyv_edge_agent.inotify import Inotify, Mask

logger = logging.getLogger(__name__)

_ON_A_FILE: Final = Mask.CLOSE_WRITE | Mask.MOVED_TO | Mask.MOVED_FROM | Mask.CREATE | Mask.DELETE | Mask.ATTRIB
_ON_THE_DIRECTORY: Final = Mask.DELETE_SELF | Mask.MOVE_SELF | Mask.UNMOUNT
#: inotify may have lost events, or the directory is another one now: look, whatever the name.
_LOOK_ANYWAY: Final = Mask.Q_OVERFLOW | Mask.IGNORED | _ON_THE_DIRECTORY
#: A file that changes without end is still told of this often.
_DELAY_SECONDS_MAX: Final = 2.0
_WATCH_AGAIN_SECONDS: Final = 1.0


class FileWatch:
    """Calls `changed()` in its own thread after `path` was written, replaced, made or removed, once for a burst.

    It says only that one should look: the caller compares hashes. Its own writes come through as well.
    """

    def __init__(self, path: Path, changed: Callable[[], None], *, settle_seconds: float = 0.2) -> None:
        """OSError if the directory of `path` cannot be watched now; if it goes later, it is watched again once back."""
        self._path = path
        self._changed = changed
        self._settle_seconds = settle_seconds
        self._inotify = Inotify()
        self._wake_read, self._wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._watching = False
        try:
            self._watch()
        except OSError:
            self._free()
            raise
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; no call of `changed` begins after this. May be called twice, but not by `changed` itself."""
        if self._inotify.closed:
            return
        os.write(self._wake_write, b"x")
        self._thread.join()
        self._free()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, why: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _run(self) -> None:
        while not self._ending(timeout=None if self._watching else _WATCH_AGAIN_SECONDS):
            if self._concerned() and self._settled():
                self._tell()

    def _watch(self) -> None:
        self._inotify.watch(self._path.parent, _ON_A_FILE | _ON_THE_DIRECTORY | Mask.ONLYDIR)
        self._watching = True

    def _concerned(self) -> bool:
        """Take what inotify has; whether any of it may mean our file. A lost directory is watched again once back."""
        told = False
        for event in self._inotify.read():
            told = told or event.name == self._path.name or bool(event.mask & _LOOK_ANYWAY)
            if event.mask & (Mask.IGNORED | Mask.MOVE_SELF):
                self._watching = False
        return told | self._watch_again()

    def _watch_again(self) -> bool:
        if self._watching:
            return False
        try:
            self._watch()
        except OSError:
            return False
        return True

    def _settled(self) -> bool:
        """Wait until the burst is over or has lasted too long; False if it is time to end."""
        for _ in range(max(1, round(_DELAY_SECONDS_MAX / self._settle_seconds))):
            if self._ending(timeout=self._settle_seconds):
                return False
            if not self._concerned():
                break
        return True

    def _ending(self, timeout: float | None) -> bool:
        """Wait for an event or `stop`; whether it was stop."""
        waiting = [self._wake_read, self._inotify.fileno()]
        ready, _, _ = select.select(waiting, [], [], timeout)
        return self._wake_read in ready

    def _tell(self) -> None:
        try:
            self._changed()
        except Exception:
            logger.exception("a change of %s could not be handled", self._path)

    def _free(self) -> None:
        self._inotify.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

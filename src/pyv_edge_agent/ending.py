"""The hard deadline of an asked end: what is durable is closed, and the process is gone, whatever hangs."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable
from typing import Final

from pyv_edge_agent.exits import Exit

logger = logging.getLogger(__name__)

#: From the signal on. An orderly end that is not through by then is cut; 5 s is the promise.
CUT_SECONDS: Final = 3.6
_SECURE_SECONDS: Final = 0.8
#: The kernel's own: also when no Python thread runs any more.
_KILL_SECONDS: Final = 4.7


class Ending:
    """Armed once, by the first signal that asks to end; until the process is gone, nothing disarms it."""

    def __init__(self, secure: Callable[[], None], leave: Callable[[int], None] = os._exit) -> None:
        """`secure` closes what is durable; it may be called while an orderly `stop` hangs."""
        self._secure = secure
        self._leave = leave
        self._changing = threading.Lock()
        self._armed = False

    def arm(self, cut_seconds: float = CUT_SECONDS) -> None:
        """From now on the process ends in time; again: nothing."""
        with self._changing:
            if self._armed:
                return
            self._armed = True
            signal.setitimer(signal.ITIMER_REAL, _KILL_SECONDS)
        timer = threading.Timer(cut_seconds, self.cut)
        timer.daemon = True
        timer.start()

    def came_up(self) -> None:
        """Call off the launcher's alarm, which kills a process that does not come up; not the one of `arm`."""
        with self._changing:
            if not self._armed:
                signal.alarm(0)

    def cut(self) -> None:
        """End now: 0 if what is durable could be closed."""
        hanging = ", ".join(sorted(thread.name for thread in threading.enumerate() if thread.name != "MainThread"))
        logger.error("the end takes too long and is cut; still there: %s", hanging)
        secured = threading.Event()
        threading.Thread(target=self._secured, args=(secured,), name="secure", daemon=True).start()
        self._leave(Exit.DONE if secured.wait(_SECURE_SECONDS) else Exit.UNSECURED)

    def _secured(self, done: threading.Event) -> None:
        try:
            self._secure()
        except Exception:  # told, and the exit code says it
            logger.exception("the queue could not be closed")
        else:
            done.set()

"""Looks whether the agent's threads turn. Only then the supervisor's watchdog is calmed; a stuck agent ends itself."""

from __future__ import annotations

import faulthandler
import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import Final

from pyv_edge_agent.core.pulse import PATIENCE_SECONDS, Look, look
from pyv_edge_agent.exits import Exit
from pyv_edge_agent.notify import Notifier
from pyv_edge_agent.pulse import Pulse

logger = logging.getLogger(__name__)

_LOOKS_IN_PATIENCE: Final = 4
_LOOK_SECONDS_MAX: Final = 60.0


class Watchdog:
    """A thread that looks some times within the patience, and twice within the supervisor's own."""

    def __init__(
        self,
        pulse: Pulse,
        notifier: Notifier,
        *,
        status: Callable[[], str],
        patience_seconds: float = PATIENCE_SECONDS,
        on_stuck: Callable[[], None] | None = None,
    ) -> None:
        """`status`: a line for the supervisor. `on_stuck`: instead of ending the process, where the supervisor has no
        watchdog that would."""
        self._pulse = pulse
        self._notifier = notifier
        self._status = status
        self._patience_seconds = patience_seconds
        self._on_stuck = on_stuck or _end
        self._last = Look()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    @property
    def every_seconds(self) -> float:
        """Between two looks."""
        supervisor = self._notifier.watchdog_seconds
        ours = min(self._patience_seconds / _LOOKS_IN_PATIENCE, _LOOK_SECONDS_MAX)
        return ours if supervisor is None else min(ours, supervisor / 2)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more; from now on nothing is stuck."""
        self._ending.set()

    def look(self) -> None:
        """One look, and what follows from it. The thread's work, callable by itself in a test."""
        before, self._last = (
            self._last,
            look(self._pulse.due(), self._pulse.now(), self._last, self._patience_seconds),
        )
        if not self._last.stuck:
            self._notifier.alive(self._status())
        else:
            self._stuck(first=not before.stuck)

    def _run(self) -> None:
        while not self._ending.wait(self.every_seconds):
            self.look()

    def _stuck(self, *, first: bool) -> None:
        names = ", ".join(sorted(self._last.stuck))
        if first:
            logger.critical("stuck for more than %g s: %s; every thread's stack follows", self._patience_seconds, names)
            self._notifier.troubled(f"stuck: {names}")
            faulthandler.dump_traceback(file=sys.stderr, all_threads=True)
        if self._notifier.watchdog_seconds is None:
            self._on_stuck()


def _end() -> None:
    """At once, without the orderly end that would wait for what is stuck. What was queued a second ago is on disk."""
    os._exit(Exit.STUCK)

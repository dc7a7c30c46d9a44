"""TELEMETRY and LOGS on their way to the file: written in groups, for each group is one fsync on an SD card."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final

from pyv_edge_agent.cloud_sync.interface import Priority, QueueError
from pyv_edge_agent.cloud_sync.storage import Row

logger = logging.getLogger(__name__)

#: At the latest this long after it came, a row is in the file; one fsync each at most.
GROUP_SECONDS: Final = 0.8
#: While the file cannot be written, that many rows wait in memory; then the least urgent and oldest go, counted.
UNWRITTEN_MAX: Final = 10_000
AFTER_FAILURE_SECONDS: Final = 10.0


class GroupWriter:
    """Takes rows at once and writes them a little later in its own thread, which starts with the first row."""

    def __init__(self, write: Callable[[Sequence[Row]], None], name: str) -> None:
        """`write` makes rows durable or raises QueueError; `name` says whose they are in an error."""
        self._write = write
        self._name = name
        self._rows: list[Row] = []
        self._changed = threading.Condition()
        #: held while rows are between memory and file, so that order stays and none is counted twice
        self._writing = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closing = False
        #: seconds that a row may wait
        self.group_seconds = GROUP_SECONDS
        #: rows given up because the file could not be written
        self.lost = 0
        #: why the file cannot be written just now; none while it can
        self.problem: str | None = None

    def __len__(self) -> int:
        """How many rows wait in memory."""
        return len(self._rows)

    def rows(self) -> tuple[Row, ...]:
        """What waits in memory."""
        with self._changed:
            return tuple(self._rows)

    def put(self, row: Row) -> None:
        """Take a row; QueueError once this is closed."""
        with self._changed:
            if self._closing:
                raise QueueError(f"queue {self._name} is closed")
            self._rows.append(row)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="queue-writer", daemon=True)
                self._thread.start()
            if len(self._rows) == 1:
                self._changed.notify_all()

    def sync(self) -> None:
        """Write what waits now; QueueError if that fails, and then it still waits."""
        with self._writing:
            rows = self.rows()
            if not rows:
                return
            try:
                self._write(rows)
            except QueueError as why:
                self.problem = str(why)
                raise
            self.problem = None
            with self._changed:
                del self._rows[: len(rows)]

    def close(self) -> None:
        """End the thread and write what is left; QueueError as `sync`. May be called twice."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        self.sync()

    def _run(self) -> None:
        pause = self.group_seconds
        while self._wait(pause):
            try:
                self.sync()
                pause = self.group_seconds
            except QueueError as why:
                self._give_up_beyond(why)
                pause = max(self.group_seconds, AFTER_FAILURE_SECONDS)

    def _wait(self, pause: float) -> bool:
        """Sleep until there are rows and the pause is over; false when it is time to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._rows or self._closing)
            self._changed.wait_for(lambda: self._closing, timeout=pause)
            return not self._closing

    def _give_up_beyond(self, why: QueueError) -> None:
        with self._changed:
            beyond = len(self._rows) - UNWRITTEN_MAX
            if beyond > 0:
                logs = [row for row in self._rows if row.priority is Priority.LOGS]
                others = [row for row in self._rows if row.priority is not Priority.LOGS]
                self._rows = [*others[max(0, beyond - len(logs)) :], *logs[beyond:]]
                self.lost += beyond
        logger.error("%s; %d items wait in memory, %d were given up", why, len(self), self.lost)

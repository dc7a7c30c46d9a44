"""`CloudSyncQueue`: at least once, by priority, through crashes and weeks offline (PYVORIN-EDGE)."""

from __future__ import annotations

import json
import logging
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from pyv_edge_agent.cloud_sync.interface import Batch, Priority, QueueError, QueueItem, Uploader
from pyv_edge_agent.cloud_sync.storage import QueueStorage, Row

__all__ = ["Batch", "CloudSyncQueue", "Priority", "QueueError", "QueueItem", "Uploader"]

logger = logging.getLogger(__name__)

PAYLOAD_BYTES_MAX: Final = 64 * 1024
#: TELEMETRY and LOGS are written in groups, at the latest this long after they came: each group is one fsync.
GROUP_SECONDS: Final = 0.8
#: A taker that does not ack or nack within this time has crashed, and its items are offered again.
LEASE_SECONDS: Final = 300.0
BACKOFF_FIRST_SECONDS: Final = 1.0
BACKOFF_MOST_SECONDS: Final = 300.0
#: While the file cannot be written, that many unwritten items are kept in memory; then the oldest go, counted.
UNWRITTEN_MAX: Final = 10_000
_AFTER_FAILURE_SECONDS: Final = 10.0


class CloudSyncQueue:
    """The queue in one SQLite file; several threads and processes may use it at once."""

    def __init__(
        self,
        db_path: str | Path = "sync_queue.db",
        *,
        device_id: str = "device",
        batch_size: int = 100,
        flush_interval_seconds: float = 60.0,
        clock: Callable[[], float] = time.time,  # noqa: TID251 - the queue's clock
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._storage = QueueStorage(Path(db_path))
        self._device_id = device_id
        self._clock = clock
        self._jitter = jitter
        self._unwritten: list[Row] = []
        self._changed = threading.Condition()
        self._writer: threading.Thread | None = None
        self._closing = False
        self._flushing = threading.Lock()
        self._last_try = self._clock()
        self._held_until = 0.0
        #: unwritten items given up because the file could not be written
        self.lost = 0
        self.configure(batch_size=batch_size, flush_interval_seconds=flush_interval_seconds)

    def configure(self, *, batch_size: int, flush_interval_seconds: float) -> None:
        """Take new settings; nothing queued is touched."""
        self._batch_size = batch_size
        self._flush_interval_seconds = flush_interval_seconds

    def enqueue(self, payload: Any, priority: Priority = Priority.TELEMETRY, ttl_seconds: float | None = None) -> None:
        """Queue a JSON value. CRITICAL and ANOMALY are on disk when this returns, the others within a second.

        QueueError if the payload is no JSON or above 64 KiB, or, for the urgent two, if the file cannot be written.
        """
        row = (_text_of(payload), int(priority), self._clock(), ttl_seconds)
        if priority <= Priority.ANOMALY:
            self._storage.insert([row])
            return
        with self._changed:
            if self._closing:
                raise QueueError(f"queue {self._storage.path} is closed")
            self._unwritten.append(row)
            self._start_writer()
            self._changed.notify()

    def peek(self, limit: int = 1) -> list[QueueItem]:
        """The next items in order, left where they are."""
        self.sync()
        return self._storage.peek(self._clock(), limit)

    def dequeue(self, limit: int = 1) -> list[QueueItem]:
        """Lease the next items: `ack` forgets them, `nack` or 300 silent seconds offer them again."""
        self.sync()
        now = self._clock()
        return self._storage.lease(now, now + LEASE_SECONDS, limit)

    def ack(self, *item_ids: int) -> None:
        """Forget items that were taken for good."""
        self._storage.delete(item_ids)

    def nack(self, *items: QueueItem) -> None:
        """Give items back after a failed try; each is offered again after a longer while (1 s … 5 min, jittered)."""
        for item in items:
            self._storage.postpone([item.id], self._clock() + self._backoff_seconds(item.retry_count))

    def maybe_flush(self, uploader: Uploader) -> int:
        """Upload what is due, if it is time (a full batch, the interval, something CRITICAL); how many were taken.

        What is in a batch stays in it with its batch_id until it is taken, also over a crash of this process.
        """
        if not self._flushing.acquire(blocking=False):
            return 0
        try:
            self.sync()
            return self._flush(uploader) if self._is_time() else 0
        finally:
            self._flushing.release()

    def pending_count(self) -> int:
        """How many items wait, those not yet written included."""
        with self._changed:
            return len(self._unwritten) + self._storage.count()

    def get_stats(self) -> dict[str, Any]:
        """depth, total_retries (of what waits), oldest_item_timestamp and last_flush_time (Unix seconds or None), …"""
        with self._changed:
            unwritten = [created_at for _, _, created_at, _ in self._unwritten]
            retries, oldest, totals = self._storage.stats()
            depth = len(unwritten) + self._storage.count()
        today = totals.get("sent_day") == self._clock() // 86400
        return {
            "depth": depth,
            "total_retries": retries,
            "oldest_item_timestamp": min([*unwritten, *([] if oldest is None else [oldest])], default=None),
            "last_flush_time": totals.get("last_flush_time"),
            "messages_sent_today": int(totals.get("sent_today", 0)) if today else 0,
        }

    def sync(self) -> None:
        """Write what was grouped to disk now; QueueError if that fails, and then nothing is lost yet."""
        with self._changed:
            if self._unwritten:
                self._storage.insert(self._unwritten)
                self._unwritten.clear()

    def close(self) -> None:
        """Write what is left and close the file; may be called twice."""
        with self._changed:
            already, self._closing = self._closing, True
            self._changed.notify()
        if already:
            return
        if self._writer is not None:
            self._writer.join()
        try:
            self.sync()
        finally:
            self._storage.close()

    def _is_time(self) -> bool:
        now = self._clock()
        if 0 < self._held_until - now <= BACKOFF_MOST_SECONDS:  # beyond: the clock was set back
            return False
        return (
            not 0 <= now - self._last_try < self._flush_interval_seconds  # below 0: the clock was set back
            or self._storage.count() >= self._batch_size
            or self._storage.count(Priority.CRITICAL) > 0
            or self._storage.has_due_batch(now)
        )

    def _flush(self, uploader: Uploader) -> int:
        taken = 0
        self._last_try = self._clock()
        self._storage.delete_expired(self._last_try)
        while (batch := self._next_batch()) is not None:
            if not self._post(uploader, batch):
                break
            taken += len(batch)
        return taken

    def _next_batch(self) -> Batch | None:
        now = self._clock()
        name = f"pyv-{int(now * 1000)}-{self._device_id}"
        return self._storage.lease_batch(now, now + LEASE_SECONDS, self._batch_size, name)

    def _post(self, uploader: Uploader, batch: Batch) -> bool:
        accepted = False
        try:
            accepted = uploader.post_batch(batch)
        finally:
            if accepted:
                self._storage.delete_batch(batch.batch_id, self._clock())
            else:
                self._hold(batch.batch_id)
        return accepted

    def _hold(self, batch_id: str) -> None:
        # All wait, not this batch alone: else an outage would turn the whole queue into failed batches.
        self._held_until = self._clock() + self._backoff_seconds(self._storage.tries(batch_id))
        self._storage.postpone_batch(batch_id, self._held_until)

    def _backoff_seconds(self, tries: int) -> float:
        longest = min(BACKOFF_MOST_SECONDS, BACKOFF_FIRST_SECONDS * 2.0 ** min(tries, 16))
        return longest * (0.5 + self._jitter() / 2)

    def _start_writer(self) -> None:
        if self._writer is None:
            self._writer = threading.Thread(target=self._write_groups, name="queue-writer", daemon=True)
            self._writer.start()

    def _write_groups(self) -> None:
        pause = GROUP_SECONDS
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._unwritten or self._closing)
                if self._changed.wait_for(lambda: self._closing, timeout=pause):
                    return
                try:
                    self.sync()
                    pause = GROUP_SECONDS
                except QueueError as why:
                    self._give_up_oldest(why)
                    pause = _AFTER_FAILURE_SECONDS

    def _give_up_oldest(self, why: QueueError) -> None:
        beyond = max(0, len(self._unwritten) - UNWRITTEN_MAX)
        del self._unwritten[:beyond]
        self.lost += beyond
        logger.error("%s; %d items wait in memory, %d were given up", why, len(self._unwritten), self.lost)


def _text_of(payload: Any) -> str:
    try:
        text = json.dumps(payload, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as why:
        raise QueueError(f"only JSON values can be queued: {why}") from None
    if len(text) > PAYLOAD_BYTES_MAX:
        raise QueueError(f"payload of {len(text)} bytes, at most {PAYLOAD_BYTES_MAX} can be queued")
    return text

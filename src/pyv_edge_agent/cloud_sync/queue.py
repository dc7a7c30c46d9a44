"""`CloudSyncQueue`: at least once, by priority, through crashes and weeks offline (PYVORIN-EDGE)."""

from __future__ import annotations

import json
import random
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from pyv_edge_agent.cloud_sync import figures
from pyv_edge_agent.cloud_sync.backoff import backoff_seconds
from pyv_edge_agent.cloud_sync.batches import BatchStorage
from pyv_edge_agent.cloud_sync.database import Database
from pyv_edge_agent.cloud_sync.groups import GROUP_SECONDS, GroupWriter
from pyv_edge_agent.cloud_sync.interface import Batch, Priority, QueueError, QueueFull, QueueItem, Uploader
from pyv_edge_agent.cloud_sync.letters import DeadLetters
from pyv_edge_agent.cloud_sync.moment import QueueClock
from pyv_edge_agent.cloud_sync.sending import LEASE_SECONDS, Pace, Sender
from pyv_edge_agent.cloud_sync.storage import Bound, QueueStorage, Row
from pyvorin_edge.vocabulary import BreakerState

__all__ = ["Batch", "CloudSyncQueue", "Priority", "QueueError", "QueueFull", "QueueItem", "QueueSettings", "Uploader"]

PAYLOAD_BYTES_MAX: Final = 64 * 1024
_ENCODE: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class QueueSettings(msgspec.Struct, frozen=True):
    """What `configure` takes; the defaults are the config's."""

    pace: Pace = Pace()
    flush_interval_seconds: float = 60.0
    bound: Bound = Bound()
    #: seconds that TELEMETRY and LOGS may wait in memory
    group_seconds: float = GROUP_SECONDS


class CloudSyncQueue:
    """The queue in one SQLite file; several threads and processes may use it at once."""

    def __init__(
        self,
        db_path: str | Path = "sync_queue.db",
        *,
        device_id: str = "device",
        settings: QueueSettings = QueueSettings(),  # noqa: B008 - frozen
        clock: Callable[[], float] = time.time,  # noqa: TID251 - the queue's clock
        uptime: Callable[[], float] | None = None,
        synced: Callable[[], bool] = lambda: True,
        jitter: Callable[[], float] = random.random,
        quarantine: bool = True,
        patient: bool = False,
    ) -> None:
        """QueueError if the file cannot be opened, unless `patient`: a full disk may have room later. A broken one is
        set aside, unless `quarantine` is false.

        `clock`: Unix seconds; `uptime`: seconds that are never set; `synced`: whether `clock` can be believed;
        `jitter`: a number in [0, 1).
        """
        self._clock = QueueClock(clock, synced=synced) if uptime is None else QueueClock(clock, uptime, synced)
        self._database = Database(Path(db_path), quarantine=quarantine, patient=patient)
        self._storage = QueueStorage(self._database)
        self._batches = BatchStorage(self._database)
        self._jitter = jitter
        self._groups = GroupWriter(lambda rows: self._storage.insert(rows, self._settings.bound), str(db_path))
        self._sender = Sender(self._batches, self._clock, jitter, device_id, _new_lease)
        self._leases: dict[int, str] = {}
        self._flushing = threading.Lock()
        self._closed = False
        self._close_lock = threading.Lock()
        self._last_try = self._clock.uptime()
        #: what the cloud will never take
        self.dead_letters = DeadLetters(self._database)
        self.configure(settings)

    def configure(self, settings: QueueSettings) -> None:
        """Take new settings; nothing queued is touched before the next item comes."""
        self._settings = settings
        self._sender.pace = settings.pace
        self._groups.group_seconds = settings.group_seconds

    def enqueue(self, payload: Any, priority: Priority = Priority.TELEMETRY, ttl_seconds: float | None = None) -> None:
        """Queue a JSON value. CRITICAL and ANOMALY are on disk when this returns, the others within a second.

        QueueError if the payload is no JSON or above 64 KiB, or, for the urgent two, if the file cannot be written;
        QueueFull if there is no room for them. The others never fail for want of room: the least urgent go, counted.
        """
        row = Row(_text_of(payload), Priority(priority), self._clock.now(), ttl_seconds)
        if priority <= Priority.ANOMALY:
            self._storage.insert([row], self._settings.bound)
        else:
            self._groups.put(row)

    def peek(self, limit: int = 1) -> list[QueueItem]:
        """The next items in order, left where they are."""
        self.sync()
        return self._storage.peek(self._clock.now(), limit)

    def dequeue(self, limit: int = 1) -> list[QueueItem]:
        """Lease the next items: `ack` forgets them, `nack` or 300 silent seconds offer them again."""
        self.sync()
        items = self._storage.lease(self._clock.now(), LEASE_SECONDS, limit, _new_lease())
        self._leases.update((item.id, item.lease) for item in items if item.lease is not None)
        return items

    def ack(self, *taken: QueueItem | int) -> int:
        """Forget items that were taken for good, by item or id; how many. What somebody else leased meanwhile stays."""
        pairs = [(one.id, one.lease) if isinstance(one, QueueItem) else (one, self._leases.get(one)) for one in taken]
        gone = self._storage.delete([(number, lease) for number, lease in pairs if lease is not None])
        for number, _ in pairs:
            self._leases.pop(number, None)
        return gone

    def nack(self, *items: QueueItem) -> int:
        """Give items back after a failed try; each is offered again after a longer while (1 s … 5 min, jittered)."""
        longest = self._settings.pace.backoff_seconds_max
        now = self._clock.wall()
        waits = [(item, now + backoff_seconds(item.retry_count, self._jitter(), longest)) for item in items]
        for item in items:
            self._leases.pop(item.id, None)
        return self._storage.postpone(waits)

    def maybe_flush(self, uploader: Uploader) -> int:
        """Upload what is due, if it is time (a full batch, the interval, something CRITICAL); how many were taken.

        What is in a batch stays in it with its batch_id until it is taken, also over a crash of this process. Idle,
        this only reads.
        """
        return self._flush(uploader, self._is_time)

    def flush(self, uploader: Uploader) -> int:
        """The same whatever the time is, and past failures are forgiven: a person asked."""
        self._sender.forgive()
        return self._flush(uploader, lambda: True)

    def forgive(self) -> None:
        """Forget past failures, so that the next flush is not held back: the endpoint or its key is a new one."""
        self._sender.forgive()

    def pending_count(self) -> int:
        """How many items wait, those not yet written included."""
        return len(self._groups) + figures.waiting(self._database)

    def get_stats(self) -> dict[str, Any]:
        """depth, total_retries (of what waits), oldest_item_timestamp and last_flush_time (Unix seconds or None),
        messages_sent_today, and what `figures.QueueFigures` names beside."""
        found = figures.figures(
            self._database, self._clock.now(), self._groups.rows(), self._sender.breaker, self._sender.state()
        )
        stats: dict[str, Any] = msgspec.to_builtins(found)
        return {**stats, "items_lost": self._groups.lost, "problem": self._groups.problem}

    def sync(self) -> None:
        """Write what was grouped to disk now; QueueError if that fails, and then nothing is lost yet."""
        self._groups.sync()

    def close(self) -> None:
        """Write what is left, give back what is leased, close the file; may be called twice, and beside a flush."""
        with self._close_lock:
            if self._closed:
                return
            self._closed = True
            try:
                self._groups.close()
                self._sender.end()
                if self._leases:
                    self._storage.release(sorted(set(self._leases.values())))
            finally:
                self._database.close()

    def _flush(self, uploader: Uploader, is_time: Callable[[], bool]) -> int:
        if self._closed or not self._flushing.acquire(blocking=False):
            return 0
        try:
            if not is_time():
                return 0
            self.sync()
            self._last_try = self._clock.uptime()
            self._storage.delete_expired(self._clock.now())
            return self._sender.round(uploader)
        finally:
            self._flushing.release()

    def _is_time(self) -> bool:
        if self._sender.state() is BreakerState.OPEN:
            return False
        depth = figures.depth(self._database)
        return (
            self._clock.uptime() - self._last_try >= self._settings.flush_interval_seconds
            or sum(depth.values()) + len(self._groups) >= self._settings.pace.batch_size
            or depth.get(Priority.CRITICAL, 0) > 0
            or self._batches.is_due(self._clock.now())
        )


def _new_lease() -> str:
    return secrets.token_hex(8)


def _text_of(payload: Any) -> str:
    try:
        text = _ENCODE(payload)
    except (TypeError, ValueError, RecursionError) as why:
        raise QueueError(f"only JSON values can be queued: {why}") from None
    if len(text) > PAYLOAD_BYTES_MAX:
        raise QueueError(f"payload of {len(text)} bytes, at most {PAYLOAD_BYTES_MAX} can be queued")
    return text

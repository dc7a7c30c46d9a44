"""The queue's words: priorities, items, batches, and the port of whatever uploads them."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import msgspec


class QueueError(Exception):
    """The queue's file cannot be read or written, or an item cannot be queued; the message says which and why."""


class Priority(enum.IntEnum):
    """Lower goes first. CRITICAL and ANOMALY are on disk when `enqueue` returns, the others within a second."""

    CRITICAL = 1
    ANOMALY = 2
    TELEMETRY = 3
    LOGS = 4


class QueueItem(msgspec.Struct, frozen=True, kw_only=True):
    """One item as it lies in the table `sync_queue`."""

    id: int
    payload: Any
    priority: Priority
    #: Unix seconds
    created_at: float
    #: seconds after which it is worth nothing; none = for ever
    ttl_seconds: float | None
    retry_count: int
    #: Unix seconds before which it is not offered again
    next_retry_at: float


class Batch(list[Any]):
    """The payloads of one upload. Its `batch_id` is on disk before the first try and the same in every retry."""

    def __init__(self, payloads: Iterable[Any], batch_id: str) -> None:
        super().__init__(payloads)
        self.batch_id = batch_id


class Uploader(Protocol):
    """Whatever can take a batch."""

    def post_batch(self, items: Sequence[Any]) -> bool:
        """True only if the other side has taken the whole batch for good; then the queue forgets it."""

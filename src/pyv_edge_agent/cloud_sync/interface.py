"""The queue's words: priorities, items, batches, what a cloud answers, and the port of whatever uploads."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from typing import Any, Protocol, runtime_checkable

import msgspec

from pyvorin_edge.vocabulary import UploadFailure


class QueueError(Exception):
    """The queue's file cannot be read or written, or an item cannot be queued; the message says which and why."""


class QueueFull(QueueError):
    """There is no room for an urgent item: the disk is full, or the bound is reached by what is as urgent."""


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
    #: whose it is for now: `ack` and `nack` of a lease that somebody else took over do nothing
    lease: str | None = None


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """An item that the cloud will never take, kept for a person to look at."""

    id: int
    payload: Any
    priority: Priority
    #: Unix seconds
    created_at: float
    #: Unix seconds
    died_at: float
    retry_count: int
    #: what the cloud answered
    reason: str


class Batch(list[Any]):
    """The payloads of one upload. Its `batch_id` is on disk before the first try and the same in every retry."""

    def __init__(self, payloads: Iterable[Any], batch_id: str, *, lease: str = "", tries: int = 0) -> None:
        """`lease`: whose it is for now; `tries`: how often it failed before."""
        super().__init__(payloads)
        self.batch_id = batch_id
        self.lease = lease
        self.tries = tries


class Outcome(enum.Enum):
    """What a try to upload came to."""

    #: the other side has it for good
    TAKEN = enum.auto()
    #: the network or the other side failed: try again later
    LATER = enum.auto()
    #: the key or the address is wrong: no item's fault
    DENIED = enum.auto()
    #: one batch holds too much
    TOO_LARGE = enum.auto()
    #: something in the batch will never be taken
    REFUSED = enum.auto()


class Answer(msgspec.Struct, frozen=True):
    """What a try came to, and why; `reason` never holds a payload or a key."""

    outcome: Outcome
    reason: str = ""
    #: seconds that the other side asked to be left alone
    retry_after_seconds: float | None = None
    #: of what kind it is, where that is known
    failure: UploadFailure | None = None


class Uploader(Protocol):
    """Whatever can take a batch."""

    def post_batch(self, items: Sequence[Any]) -> bool:
        """True only if the other side has taken the whole batch for good; then the queue forgets it."""


@runtime_checkable
class AnsweringUploader(Protocol):
    """An uploader that can say why: then the queue splits, holds or buries as the answer wants it."""

    def post(self, items: Sequence[Any]) -> Answer:
        """Try once."""

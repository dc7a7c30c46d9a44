"""One round of uploads: lease a batch, send it, do what the answer says; the breaker decides whether to go on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from pyv_edge_agent.cloud_sync import letters
from pyv_edge_agent.cloud_sync.answers import Step, step_of
from pyv_edge_agent.cloud_sync.backoff import MOST_SECONDS
from pyv_edge_agent.cloud_sync.batches import BatchStorage
from pyv_edge_agent.cloud_sync.breaker import Breaker, after_failure, after_refusal, state_of
from pyv_edge_agent.cloud_sync.interface import Answer, AnsweringUploader, Batch, Outcome, Uploader
from pyv_edge_agent.cloud_sync.moment import QueueClock
from pyvorin_edge.vocabulary import BreakerState

#: A sender that neither succeeds nor fails within this time has crashed, and its batch is offered again.
LEASE_SECONDS: Final = 300.0
#: A round ends after this long even if more waits: whoever watches over its thread wants to hear from it.
ROUND_SECONDS: Final = 120.0


class Pace(msgspec.Struct, frozen=True):
    """How the config wants it sent."""

    batch_size: int = 100
    backoff_seconds_max: float = MOST_SECONDS
    dead_letters_max: int = letters.KEPT_MAX


class Sender:
    """Sends for one queue object; one round at a time. Other processes may send from the same file beside it."""

    def __init__(
        self,
        batches: BatchStorage,
        clock: QueueClock,
        chance: Callable[[], float],
        device_id: str,
        new_lease: Callable[[], str],
    ) -> None:
        self._batches = batches
        self._clock = clock
        self._chance = chance
        self._device_id = device_id
        self._new_lease = new_lease
        self._held: str | None = None
        self._ending = threading.Event()
        self.pace = Pace()
        self.breaker = Breaker()

    def state(self) -> BreakerState:
        """Whether it sends just now."""
        return state_of(self.breaker, self._clock.uptime())

    def forgive(self) -> None:
        """Forget past failures: what is sent to is new, or a person asked."""
        self.breaker = Breaker()
        self._batches.forgive()

    def end(self) -> None:
        """No further batch; the one under way is given back, and its result counts no more."""
        self._ending.set()
        held, self._held = self._held, None
        if held is not None:
            self._batches.release(held)

    def round(self, uploader: Uploader) -> int:
        """Send what is due until it is all gone, or one fails, or the time is up; how many items were taken."""
        taken = 0
        began = self._clock.uptime()
        while self.state() is not BreakerState.OPEN and not self._ending.is_set():
            batch = self._lease()
            if batch is None:
                break
            taken += self._send(uploader, batch)
            if self._clock.uptime() - began >= ROUND_SECONDS:
                break
        return taken

    def _lease(self) -> Batch | None:
        now = self._clock.now()
        lease = self._new_lease()
        name = f"pyv-{int(now.wall * 1000)}-{self._device_id}"
        batch = self._batches.lease(now, LEASE_SECONDS, self.pace.batch_size, name, lease)
        if batch is None:
            return None
        self._held = lease
        if self._ending.is_set():  # `end` either saw the lease, or we see the end
            self._batches.release(lease)
            return None
        return batch

    def _send(self, uploader: Uploader, batch: Batch) -> int:
        answer = Answer(Outcome.LATER, "the uploader failed")
        try:
            answer = _post(uploader, batch)
        finally:
            gone = self._conclude(batch, answer)
        return gone

    def _conclude(self, batch: Batch, answer: Answer) -> int:
        """What is taken is forgotten even if the end came meanwhile; all else was given back by `end`."""
        step = step_of(answer, len(batch))
        self._held = None
        if self._ending.is_set() and step is not Step.FORGET:
            return 0
        wall = self._clock.wall()
        if step is Step.FORGET:
            self.breaker = Breaker()
            return self._batches.delete(batch, wall)
        if step is Step.SPLIT:
            self._batches.split(batch, answer.reason, wall, answer.failure)
        elif step is Step.BURY:
            self._batches.bury(batch, answer.reason, wall, self.pace.dead_letters_max, answer.failure)
            self.breaker = after_refusal(self.breaker, answer, *self._now_and_chance())
        else:
            self._hold(batch, answer, wall)
        return 0

    def _hold(self, batch: Batch, answer: Answer, wall: float) -> None:
        # All wait, not this batch alone: else an outage would turn the whole queue into failed batches.
        known = msgspec.structs.replace(self.breaker, failures=max(self.breaker.failures, batch.tries))
        self.breaker = after_failure(known, answer, *self._now_and_chance())
        wait = self.breaker.until - self._clock.uptime()
        self._batches.postpone(batch, wall + max(0.0, wait), self.breaker.reason, wall, answer.failure)

    def _now_and_chance(self) -> tuple[float, float, float]:
        return self._clock.uptime(), self._chance(), self.pace.backoff_seconds_max


def _post(uploader: Uploader, items: Sequence[Any]) -> Answer:
    if isinstance(uploader, AnsweringUploader):
        return uploader.post(items)
    taken = uploader.post_batch(items)
    return Answer(Outcome.TAKEN) if taken else Answer(Outcome.LATER, "the uploader did not take the batch")

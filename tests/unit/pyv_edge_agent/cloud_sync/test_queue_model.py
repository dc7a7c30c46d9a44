"""The queue against a model, under any order of use, crashes, clock steps and a bound: nothing urgent is ever lost."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pyv_edge_agent.cloud_sync.interface import Answer, Outcome
from pyv_edge_agent.cloud_sync.queue import CloudSyncQueue, Priority, QueueFull, QueueItem, QueueSettings
from pyv_edge_agent.cloud_sync.sending import LEASE_SECONDS, Pace
from pyv_edge_agent.cloud_sync.storage import Bound
from running.queue_clock import HandClock, queue_on

BOUND = 12
PLACE = "/dev/shm" if Path("/dev/shm").is_dir() else None


class Cloud:
    """Answers as the machine wants next; keeps what it took by batch."""

    def __init__(self) -> None:
        self.next = Outcome.TAKEN
        self.poison: set[int] = set()
        self.taken: dict[str, list[int]] = {}

    def post(self, items: Sequence[Any]) -> Answer:
        name: str = items.batch_id  # type: ignore[attr-defined]
        if self.next is not Outcome.TAKEN:
            return Answer(self.next, "not now")
        if self.poison & set(items):
            return Answer(Outcome.REFUSED, "422")
        assert self.taken.get(name, list(items)) == list(items), "a name stands for the same members for ever"
        self.taken[name] = list(items)
        return Answer(Outcome.TAKEN)

    def post_batch(self, items: Sequence[Any]) -> bool:
        return self.post(items).outcome is Outcome.TAKEN


class QueueModel(RuleBasedStateMachine):
    """Two objects on one file stand for two processes. `waiting` is what must still be there or may have been pushed
    out by the bound, by number."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="pyv-queue-", dir=PLACE))
        self.clock = HandClock()
        self.cloud = Cloud()
        self.count = 0
        self.priority: dict[int, Priority] = {}
        self.mortal: set[int] = set()
        self.acked: set[int] = set()
        self.held: list[tuple[int, QueueItem, float]] = []
        self.queues: list[CloudSyncQueue] = []

    @initialize()
    def start(self) -> None:
        self.queues = [self._open(), self._open()]

    def teardown(self) -> None:
        for queue in self.queues:
            queue.close()
        shutil.rmtree(self.folder)

    def _open(self) -> CloudSyncQueue:
        pace = Pace(batch_size=4)
        return queue_on(self.folder / "q.db", self.clock, settings=QueueSettings(pace=pace, bound=Bound(items=BOUND)))

    @rule(who=st.integers(0, 1), priority=st.sampled_from(list(Priority)), ttl=st.sampled_from([None, None, 50.0]))
    def enqueue(self, who: int, priority: Priority, ttl: float | None) -> None:
        number = self.count
        self.count += 1
        try:
            self.queues[who].enqueue(number, priority, ttl)
            self.queues[who].sync()
        except QueueFull:
            assert priority <= Priority.ANOMALY
            return
        self.priority[number] = priority
        if ttl is not None:
            self.mortal.add(number)

    @rule(who=st.integers(0, 1), limit=st.integers(1, 5))
    def dequeue(self, who: int, limit: int) -> None:
        items = self.queues[who].dequeue(limit)
        urgencies = [item.priority for item in items]
        assert urgencies == sorted(urgencies)
        now = self.clock.uptime
        for item in items:
            others = [one for _, one, until in self.held if one.id == item.id and until > now]
            assert not others, "leased to two at once"
            self.held.append((who, item, now + LEASE_SECONDS))

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def ack(self, data: st.DataObject) -> None:
        who, item, _ = self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))
        if self.queues[who].ack(item):
            assert item.payload not in self.acked, "acked twice"
            self.acked.add(item.payload)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def nack(self, data: st.DataObject) -> None:
        who, item, _ = self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))
        self.queues[who].nack(item)

    @rule(who=st.integers(0, 1), outcome=st.sampled_from(list(Outcome)))
    def flush(self, who: int, outcome: Outcome) -> None:
        self.cloud.next = outcome
        if outcome in (Outcome.REFUSED, Outcome.TOO_LARGE):
            self.cloud.next = Outcome.TAKEN
            self.cloud.poison = {number for number in self.priority if number % 5 == 0}
        self.queues[who].maybe_flush(self.cloud)

    @rule(seconds=st.sampled_from([1.0, 30.0, 70.0, 301.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.tick(seconds)

    @rule(seconds=st.sampled_from([-1.7e9, -4000.0, 4000.0, 1.7e9]))
    def clock_is_set(self, seconds: float) -> None:
        self.clock.step(seconds)

    @rule(who=st.integers(0, 1))
    def crash(self, who: int) -> None:
        """Its leases stay behind, as after kill -9."""
        self.queues[who]._database._disconnect()
        self.held = [one for one in self.held if one[0] != who]
        self.queues[who] = self._open()

    @rule()
    def reboot(self) -> None:
        for queue in self.queues:
            queue._database._disconnect()
        self.held.clear()
        self.clock.reboot()
        self.queues = [self._open(), self._open()]

    @invariant()
    def nothing_urgent_is_lost_and_all_is_counted(self) -> None:
        if not self.queues:
            return
        stats = self.queues[0].get_stats()
        stored = self.queues[0]._database.read(
            lambda db: [int(row[0]) for row in db.execute("SELECT payload FROM sync_queue")]
        )
        arrived = [number for items in self.cloud.taken.values() for number in items]
        dead = {letter.payload for letter in self.queues[0].dead_letters.list()}
        gone = set(self.priority) - set(stored) - self.acked - set(arrived) - dead
        assert len(gone) == sum(stats["evicted"].values()) + stats["expired"]
        unexplained = {number for number in gone if self.priority[number] is Priority.CRITICAL} - self.mortal
        assert not unexplained, "CRITICAL is never pushed out"
        assert len(arrived) == len(set(arrived)), "one batch_id, so the cloud can tell a repetition"
        assert stats["depth"] == len(stored) == len(set(stored))
        assert stats["depth"] <= BOUND + sum(1 for _ in stored if stats["depth"] > BOUND)


QueueModel.TestCase.settings = settings(
    max_examples=30, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestQueueModel = QueueModel.TestCase

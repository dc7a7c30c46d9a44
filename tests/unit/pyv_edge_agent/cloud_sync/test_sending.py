"""What each answer does to the queue: poison is found and buried, a wrong key costs nothing, an outage is let be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from pyv_edge_agent.cloud_sync.breaker import REFUSED_IN_A_ROW_MAX
from pyv_edge_agent.cloud_sync.interface import Answer, Batch, Outcome
from pyv_edge_agent.cloud_sync.queue import CloudSyncQueue, QueueSettings
from pyv_edge_agent.cloud_sync.sending import Pace
from pyvorin_edge.vocabulary import BreakerState, UploadFailure
from running.queue_clock import HandClock, queue_on


class Cloud:
    """Answers as it is told, and keeps what it took by name."""

    def __init__(self, judge: Callable[[Sequence[Any]], Answer] = lambda items: Answer(Outcome.TAKEN)) -> None:
        self.judge = judge
        self.taken: dict[str, list[Any]] = {}
        self.asked = 0

    def post(self, items: Sequence[Any]) -> Answer:
        assert isinstance(items, Batch)
        self.asked += 1
        answer = self.judge(items)
        if answer.outcome is Outcome.TAKEN:
            self.taken[items.batch_id] = list(items)
        return answer

    def post_batch(self, items: Sequence[Any]) -> bool:
        return self.post(items).outcome is Outcome.TAKEN

    def items(self) -> list[Any]:
        return sorted(item for items in self.taken.values() for item in items)


def refusing(*poison: int, outcome: Outcome = Outcome.REFUSED) -> Callable[[Sequence[Any]], Answer]:
    return lambda items: (
        Answer(outcome, "the endpoint answered 422") if set(items) & set(poison) else Answer(Outcome.TAKEN)
    )


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def queue(tmp_path: Path, clock: HandClock) -> CloudSyncQueue:
    return queue_on(tmp_path / "q.db", clock, settings=QueueSettings(pace=Pace(batch_size=100)))


def fill(queue: CloudSyncQueue, count: int) -> None:
    for number in range(count):
        queue.enqueue(number)


def test_the_poisonous_items_are_found_and_the_others_arrive(queue: CloudSyncQueue) -> None:
    cloud = Cloud(refusing(3, 77))
    fill(queue, 100)
    assert queue.flush(cloud) == 98
    assert cloud.items() == [number for number in range(100) if number not in (3, 77)]
    assert sorted(letter.payload for letter in queue.dead_letters.list()) == [3, 77]
    assert queue.get_stats()["dead_letters"] == 2
    assert queue.pending_count() == 0
    assert cloud.asked < 40


def test_a_batch_that_is_too_large_is_halved_until_it_fits(queue: CloudSyncQueue) -> None:
    cloud = Cloud(lambda items: Answer(Outcome.TOO_LARGE, "413") if len(items) > 30 else Answer(Outcome.TAKEN))
    fill(queue, 100)
    assert queue.flush(cloud) == 100
    assert [len(items) for items in cloud.taken.values()] == [25, 25, 25, 25]
    assert queue.dead_letters.count() == 0


def test_a_wrong_key_buries_nothing_and_is_told(queue: CloudSyncQueue, clock: HandClock) -> None:
    cloud = Cloud(
        lambda items: Answer(
            Outcome.DENIED, "the endpoint answered 401: the api_key is wrong", failure=UploadFailure.KEY
        )
    )
    fill(queue, 5)
    for _ in range(600):
        queue.maybe_flush(cloud)
        clock.tick(1)
    stats = queue.get_stats()
    assert (stats["depth"], stats["dead_letters"]) == (5, 0)
    assert cloud.asked <= 8
    assert "api_key" in stats["last_error"]
    assert stats["last_failure"] == UploadFailure.KEY
    cloud.judge = refusing()
    queue.forgive()
    assert queue.maybe_flush(cloud) == 5
    assert queue.get_stats()["last_error"] is None
    assert queue.get_stats()["last_failure"] is None


def test_a_cloud_that_refuses_everything_does_not_empty_the_queue(queue: CloudSyncQueue, clock: HandClock) -> None:
    cloud = Cloud(refusing(*range(100)))
    fill(queue, 100)
    queue.flush(cloud)
    assert queue.dead_letters.count() == REFUSED_IN_A_ROW_MAX
    assert queue.get_stats()["breaker"] == BreakerState.OPEN
    cloud.judge = refusing()
    clock.tick(300)
    assert queue.maybe_flush(cloud) == 100 - REFUSED_IN_A_ROW_MAX
    assert queue.dead_letters.retry() == REFUSED_IN_A_ROW_MAX
    assert queue.flush(cloud) == REFUSED_IN_A_ROW_MAX
    assert cloud.items() == list(range(100))


def test_the_cloud_is_left_alone_as_long_as_it_asked(queue: CloudSyncQueue, clock: HandClock) -> None:
    cloud = Cloud(lambda items: Answer(Outcome.LATER, "the endpoint answered 503", 100.0))
    fill(queue, 1)
    queue.flush(cloud)
    clock.tick(100)
    queue.maybe_flush(cloud)
    assert cloud.asked == 1
    clock.tick(30)
    queue.maybe_flush(cloud)
    assert cloud.asked == 2


def test_an_outage_is_not_hammered_and_makes_no_heap_of_batches(queue: CloudSyncQueue, clock: HandClock) -> None:
    names: set[str] = set()

    def down(items: Sequence[Any]) -> Answer:
        names.add(items.batch_id)  # type: ignore[attr-defined]
        return Answer(Outcome.LATER, "timeout")

    cloud = Cloud(down)
    fill(queue, 300)
    for _ in range(3600):
        queue.maybe_flush(cloud)
        clock.tick(1)
    assert (len(names), cloud.asked < 30) == (1, True)
    cloud.judge = refusing()
    clock.tick(300)
    assert queue.maybe_flush(cloud) == 300


def test_the_end_gives_back_what_is_under_way_and_takes_back_nothing_that_arrived(
    tmp_path: Path, clock: HandClock
) -> None:
    queue = queue_on(tmp_path / "q.db", clock)

    def end(answer: Answer) -> Callable[[Sequence[Any]], Answer]:
        def judge(items: Sequence[Any]) -> Answer:
            queue._sender.end()
            return answer

        return judge

    fill(queue, 2)
    assert queue.flush(Cloud(end(Answer(Outcome.LATER, "cut")))) == 0
    queue.close()
    queue = queue_on(tmp_path / "q.db", clock)
    assert queue.get_stats()["total_retries"] == 0
    assert queue.flush(Cloud(end(Answer(Outcome.TAKEN)))) == 2
    assert queue.pending_count() == 0
    queue.close()

"""The queue's promises: the article's snippet, priority, at least once, one batch_id over retries, many users."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from pyv_edge_agent.cloud_sync.queue import CloudSyncQueue, Priority, QueueError, QueueSettings
from pyv_edge_agent.cloud_sync.sending import LEASE_SECONDS, Pace
from running.queue_clock import HandClock, queue_on


class Cloud:
    """Takes batches, or refuses them, and remembers what came under which name."""

    def __init__(self) -> None:
        self.up = True
        self.posts: list[tuple[str, list[Any]]] = []

    def post_batch(self, items: Sequence[Any]) -> bool:
        self.posts.append((items.batch_id, list(items)))  # type: ignore[attr-defined]
        return self.up


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def queue(tmp_path: Path, clock: HandClock) -> Iterator[CloudSyncQueue]:
    queue = queue_on(tmp_path / "q.db", clock, settings=QueueSettings(pace=Pace(batch_size=3)))
    yield queue
    queue.close()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def said_by(process: subprocess.Popen[str]) -> str:
    """The rest of what it prints; `communicate` would pass over what `readline` has read ahead."""
    with process:
        assert process.stdout is not None
        return process.stdout.read()


def test_the_articles_snippet_works(tmp_path: Path) -> None:
    queue = CloudSyncQueue(db_path=str(tmp_path / "sync_queue.db"))
    stats = queue.get_stats()
    assert f"{stats['depth']} {stats['total_retries']} {stats['oldest_item_timestamp']}" == "0 0 None"
    queue.close()


def test_the_most_urgent_goes_first_then_the_oldest(queue: CloudSyncQueue) -> None:
    for payload, priority in [("l", Priority.LOGS), ("t1", Priority.TELEMETRY), ("c", Priority.CRITICAL)]:
        queue.enqueue(payload, priority)
    queue.enqueue("t2")
    queue.enqueue("a", Priority.ANOMALY)
    assert [item.payload for item in queue.peek(9)] == ["c", "a", "t1", "t2", "l"]
    assert queue.pending_count() == 5


def test_urgent_items_are_on_disk_at_once_and_telemetry_within_a_second(queue: CloudSyncQueue, tmp_path: Path) -> None:
    other = CloudSyncQueue(tmp_path / "q.db")
    queue.enqueue("later")
    queue.enqueue("now", Priority.ANOMALY)
    assert [item.payload for item in other.peek(9)] == ["now"]
    started = time.monotonic()
    until(lambda: other.pending_count() == 2)
    assert time.monotonic() - started < 2.0
    other.close()


def test_what_is_leased_is_offered_again_unless_acknowledged(queue: CloudSyncQueue, clock: HandClock) -> None:
    for payload in ("a", "b"):
        queue.enqueue(payload)
    first, second = queue.dequeue(2)
    queue.ack(first.id)
    assert queue.dequeue(2) == []
    clock.tick(LEASE_SECONDS)
    assert [item.payload for item in queue.dequeue(2)] == [second.payload]


def test_a_failed_item_comes_back_after_a_growing_while(queue: CloudSyncQueue, clock: HandClock) -> None:
    queue.enqueue("a")
    waits = []
    for _ in range(12):
        [item] = queue.dequeue()
        assert queue.nack(item) == 1
        due = queue._database.read(lambda db: db.execute("SELECT next_retry_at FROM sync_queue").fetchone()[0])
        waits.append(due - clock.wall)
        clock.tick(waits[-1])
    assert waits[:4] == [1.0, 2.0, 4.0, 8.0]
    assert waits[-1] == 300.0
    assert queue.get_stats()["total_retries"] == 12


def test_nothing_is_sent_before_its_time(queue: CloudSyncQueue, clock: HandClock) -> None:
    cloud = Cloud()
    queue.enqueue("a")
    assert queue.maybe_flush(cloud) == 0
    clock.tick(60)
    assert queue.maybe_flush(cloud) == 1
    stats = queue.get_stats()
    assert (stats["depth"], stats["last_flush_time"], stats["messages_sent_today"]) == (0, clock.wall, 1)


def test_a_full_batch_or_something_critical_goes_at_once(queue: CloudSyncQueue) -> None:
    cloud = Cloud()
    for number in range(4):
        queue.enqueue(number)
    assert queue.maybe_flush(cloud) == 4
    assert [items for _, items in cloud.posts] == [[0, 1, 2], [3]]
    queue.enqueue("fire", Priority.CRITICAL)
    assert queue.maybe_flush(cloud) == 1


def test_a_batch_keeps_name_and_members_until_it_is_taken(
    queue: CloudSyncQueue, clock: HandClock, tmp_path: Path
) -> None:
    cloud = Cloud()
    cloud.up = False
    queue.enqueue("a")
    clock.tick(60)
    assert queue.maybe_flush(cloud) == 0
    queue.enqueue("urgent", Priority.CRITICAL)
    queue.close()
    after = queue_on(tmp_path / "q.db", clock)
    clock.tick(60)
    cloud.up = True
    assert after.maybe_flush(cloud) == 2
    names = [name for name, _ in cloud.posts]
    assert [items for _, items in cloud.posts] == [["a"], ["urgent"], ["a"]]
    assert names[0] == names[2] != names[1]
    assert "FLEET-1" in names[0]
    after.close()


def test_an_uploader_that_raises_loses_nothing(queue: CloudSyncQueue, clock: HandClock) -> None:
    class Broken:
        def post_batch(self, items: Sequence[Any]) -> bool:
            raise RuntimeError("bug")

    queue.enqueue("a", Priority.CRITICAL)
    with pytest.raises(RuntimeError):
        queue.maybe_flush(Broken())
    clock.tick(60)
    assert queue.maybe_flush(Cloud()) == 1


def test_new_settings_touch_nothing_queued(queue: CloudSyncQueue) -> None:
    queue.enqueue("a")
    queue.configure(QueueSettings(pace=Pace(batch_size=1)))
    assert queue.maybe_flush(Cloud()) == 1


def test_what_outlived_its_ttl_is_not_sent(queue: CloudSyncQueue, clock: HandClock) -> None:
    queue.enqueue("stale", ttl_seconds=10)
    queue.enqueue("good")
    clock.tick(60)
    cloud = Cloud()
    queue.maybe_flush(cloud)
    assert cloud.posts[0][1] == ["good"]


@pytest.mark.parametrize("payload", [float("nan"), object(), "x" * 70_000])
def test_what_cannot_be_sent_is_refused_when_queued(queue: CloudSyncQueue, payload: object) -> None:
    with pytest.raises(QueueError):
        queue.enqueue(payload)
    assert queue.pending_count() == 0


def test_closing_writes_what_is_left_and_ends_the_thread(tmp_path: Path) -> None:
    queue = CloudSyncQueue(tmp_path / "q.db")
    queue.enqueue("a")
    queue.close()
    queue.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "queue-writer"]
    with pytest.raises(QueueError):
        queue.enqueue("b")
    again = CloudSyncQueue(tmp_path / "q.db")
    assert [item.payload for item in again.peek(9)] == ["a"]
    again.close()


def test_threads_and_processes_take_each_item_once(tmp_path: Path) -> None:
    path = tmp_path / "q.db"
    queue = CloudSyncQueue(path)
    for number in range(2000):
        queue.enqueue(number)
    queue.sync()
    taking = (
        "import sys\nfrom pyv_edge_agent.cloud_sync.queue import CloudSyncQueue\nqueue = CloudSyncQueue(sys.argv[1])\n"
        "while items := queue.dequeue(7):\n"
        "    print(*[item.payload for item in items], flush=True)\n    queue.ack(*[item.id for item in items])\n"
    )
    others = [
        subprocess.Popen([sys.executable, "-c", taking, str(path)], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    first = [other.stdout.readline() for other in others if other.stdout is not None]  # both are at work by now
    mine: list[int] = []

    def take() -> None:
        while items := queue.dequeue(7):
            mine.extend(item.payload for item in items)
            queue.ack(*[item.id for item in items])

    threads = [threading.Thread(target=take) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rest = [said_by(other) for other in others]
    theirs = [int(word) for said in first + rest for word in said.split()]
    assert theirs
    assert sorted(mine + theirs) == list(range(2000))
    queue.close()


def test_what_was_enqueued_as_critical_survives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "q.db"
    filling = (
        "import sys\nfrom pyv_edge_agent.cloud_sync.queue import CloudSyncQueue, Priority\n"
        "queue = CloudSyncQueue(sys.argv[1])\n"
        "for n in range(10**6):\n    queue.enqueue(n, Priority.CRITICAL)\n    print(n, flush=True)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", filling, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for _ in range(20):
        process.stdout.readline()
    os.kill(process.pid, signal.SIGKILL)
    told = [*range(20), *(int(line) for line in said_by(process).split("\n")[:-1])]
    queue = CloudSyncQueue(path)
    assert [item.payload for item in queue.peek(10**6)][: len(told)] == told
    queue.close()


def test_idle_it_writes_nothing(queue: CloudSyncQueue, clock: HandClock, tmp_path: Path) -> None:
    queue.enqueue("fresh", ttl_seconds=1e6)
    queue.flush(Cloud())

    def written() -> list[tuple[int, int]]:
        return [(one.stat().st_mtime_ns, one.stat().st_size) for one in (tmp_path / "q.db", tmp_path / "q.db-wal")]

    before = written()
    for _ in range(300):
        queue.maybe_flush(Cloud())
        queue.get_stats()
        queue.pending_count()
        clock.tick(1)
    queue.forgive()
    assert written() == before

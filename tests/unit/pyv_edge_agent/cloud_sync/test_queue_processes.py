"""Real processes on one file: nothing lost, nothing acked twice, whoever is killed; a full disk and a broken file."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pyv_edge_agent.cloud_sync.queue import CloudSyncQueue, Priority, QueueError, QueueFull

FILL = """
import sys
from pyv_edge_agent.cloud_sync.queue import CloudSyncQueue, Priority
queue = CloudSyncQueue(sys.argv[1])
for number in range(int(sys.argv[2]), int(sys.argv[3])):
    queue.enqueue(number, Priority.ANOMALY if number % 10 == 0 else Priority.TELEMETRY)
queue.close()
"""
#: Sends batches into a file, one line each, as a cloud that keeps what it got under its name; lives on a fast boot time
#: so that a lease of a killed one is over in seconds.
SEND = """
import json, sys, time
from pyv_edge_agent.cloud_sync.queue import CloudSyncQueue, QueueSettings
from pyv_edge_agent.cloud_sync.sending import Pace
class Cloud:
    def post_batch(self, items):
        with open(sys.argv[2], "a") as log:
            log.write(json.dumps([items.batch_id, list(items)]) + "\\n")
        print("sent", flush=True)
        time.sleep(float(sys.argv[3]))
        return True
queue = CloudSyncQueue(
    sys.argv[1], settings=QueueSettings(pace=Pace(batch_size=20)), uptime=lambda: time.monotonic() * 300
)
while queue.pending_count():
    queue.flush(Cloud())
queue.close()
"""


def python(code: str, *words: object) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", code, *map(str, words)], stdout=subprocess.PIPE, text=True)


def ended(*processes: subprocess.Popen[str]) -> list[int]:
    return [process.communicate(timeout=120) and process.returncode for process in processes]


def test_several_fill_two_send_one_is_killed_in_the_middle_and_all_arrives_under_one_name(tmp_path: Path) -> None:
    import json

    path, log = tmp_path / "q.db", tmp_path / "cloud"
    assert ended(*(python(FILL, path, 200 * n, 200 * (n + 1)) for n in range(3))) == [0, 0, 0]
    doomed = python(SEND, path, log, 60)
    assert doomed.stdout is not None
    doomed.stdout.readline()
    os.kill(doomed.pid, signal.SIGKILL)
    ended(doomed)
    assert ended(python(SEND, path, log, 0.001), python(SEND, path, log, 0.001)) == [0, 0]
    batches: dict[str, list[int]] = {}
    for line in log.read_text().splitlines():
        name, items = json.loads(line)
        assert batches.setdefault(name, items) == items
    assert sorted(item for items in batches.values() for item in items) == list(range(600))
    queue = CloudSyncQueue(path)
    assert (queue.pending_count(), queue.get_stats()["messages_sent_today"]) == (0, 600)
    queue.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    """No file of this process may grow beyond 400 KB: SQLite is told so as it is of a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, before[1]))
    yield tmp_path  # type: ignore[misc]
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_is_full_is_told_to_who_enqueues_and_works_again_when_there_is_room(small_disk: Path) -> None:
    queue = CloudSyncQueue(small_disk / "q.db")
    with pytest.raises(QueueError, match=r"q\.db"):
        fill_up(queue, Priority.CRITICAL)
    queued = queue.pending_count()
    assert queued > 100
    assert [item.payload for item in queue.peek(2)] == ["x" * 500] * 2
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.getrlimit(resource.RLIMIT_FSIZE)[1],) * 2)
    queue.enqueue("after", Priority.CRITICAL)
    assert queue.pending_count() == queued + 1
    queue.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system, which root alone may")
def test_on_a_full_file_system_nothing_that_was_taken_is_lost_and_room_mends_it(tmp_path: Path) -> None:
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "small", str(tmp_path)], check=False)
    if mount.returncode != 0:
        pytest.skip("no file system can be mounted here")
    try:
        queue = CloudSyncQueue(tmp_path / "q.db")
        (tmp_path / "somebody's log").write_bytes(b"x" * 1_500_000)
        with pytest.raises(QueueFull):
            fill_up(queue, Priority.ANOMALY)
        kept = queue.pending_count()
        queue.enqueue("telemetry")
        with pytest.raises(QueueFull):
            queue.sync()
        assert "full" in queue.get_stats()["problem"]
        (tmp_path / "somebody's log").unlink()
        queue.enqueue("fire", Priority.CRITICAL)
        queue.sync()
        assert queue.peek()[0].payload == "fire"
        assert (queue.pending_count(), queue.get_stats()["problem"]) == (kept + 2, None)
        queue.close()
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def fill_up(queue: CloudSyncQueue, priority: Priority) -> None:
    for _ in range(3000):
        queue.enqueue("x" * 500, priority)
        queue.sync()


BREAK = """
import sys
from pyv_edge_agent.cloud_sync.queue import CloudSyncQueue, Priority
queue = CloudSyncQueue(sys.argv[1])
queue.enqueue("first", Priority.ANOMALY)
print("ready", flush=True)
number = 0
for line in sys.stdin:
    queue.enqueue(f"{sys.argv[2]}-{number}", Priority.ANOMALY)
    number += 1
    print("done", flush=True)
queue.close()
"""


def test_two_processes_whose_file_breaks_meet_again_in_one_fresh_file(tmp_path: Path) -> None:
    path = tmp_path / "q.db"
    both = [
        subprocess.Popen([sys.executable, "-c", BREAK, str(path), name], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         text=True)
        for name in ("a", "b")
    ]  # fmt: skip

    def each(text: str | None = None) -> None:
        for process in both:
            assert process.stdin is not None
            assert process.stdout is not None
            if text is not None:
                process.stdin.write(text)
                process.stdin.flush()
            process.stdout.readline()

    each()
    size = path.stat().st_size
    (tmp_path / "q.db-wal").write_bytes(b"")  # as a card that forgot it
    with path.open("r+b") as file:
        file.write(b"\xa5" * size)
    deadline = time.monotonic() + 60
    each("x\n")
    each("x\n")
    for process in both:
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(timeout=max(1, deadline - time.monotonic())) == 0
    queue = CloudSyncQueue(path)
    assert {item.payload for item in queue.peek(9)} >= {"a-1", "b-1"}
    assert queue.get_stats()["files_set_aside"] == 1
    queue.close()

"""What is grouped reaches the file soon and whole, waits while the file cannot be written, and is bounded."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import pytest

from pyv_edge_agent.cloud_sync import groups
from pyv_edge_agent.cloud_sync.groups import GroupWriter
from pyv_edge_agent.cloud_sync.interface import Priority, QueueError
from pyv_edge_agent.cloud_sync.storage import Row
from running.queue_clock import HandClock


class Sink:
    """A file that is full, or not."""

    def __init__(self) -> None:
        self.full = False
        self.groups: list[list[str]] = []

    def write(self, rows: Sequence[Row]) -> None:
        if self.full:
            raise QueueError("queue q.db: database or disk is full")
        self.groups.append([row.payload for row in rows])


def row(payload: str, priority: Priority = Priority.TELEMETRY) -> Row:
    return Row(payload, priority, HandClock().now())


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_rows_that_come_together_are_written_together() -> None:
    sink = Sink()
    writer = GroupWriter(sink.write, "q.db")
    writer.group_seconds = 0.05
    for payload in ("a", "b", "c"):
        writer.put(row(payload))
    until(lambda: bool(sink.groups))
    assert sink.groups == [["a", "b", "c"]]
    writer.close()


def test_closing_writes_what_is_left_ends_the_thread_and_takes_no_more() -> None:
    before = set(threading.enumerate())
    sink = Sink()
    writer = GroupWriter(sink.write, "q.db")
    writer.put(row("a"))
    writer.close()
    writer.close()
    assert sink.groups == [["a"]]
    assert not [thread for thread in set(threading.enumerate()) - before if thread.name == "queue-writer"]
    with pytest.raises(QueueError, match="closed"):
        writer.put(row("b"))


def test_a_full_disk_loses_nothing_and_is_told_until_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "AFTER_FAILURE_SECONDS", 0.01)
    sink = Sink()
    sink.full = True
    writer = GroupWriter(sink.write, "q.db")
    writer.group_seconds = 0.01
    writer.put(row("a"))
    until(lambda: writer.problem is not None)
    writer.put(row("b"))
    sink.full = False
    until(lambda: not len(writer))
    assert [payload for group in sink.groups for payload in group] == ["a", "b"]
    assert (writer.problem, writer.lost) == (None, 0)
    writer.close()


def test_what_waits_in_memory_is_bounded_and_the_least_urgent_and_oldest_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "UNWRITTEN_MAX", 3)
    sink = Sink()
    sink.full = True
    writer = GroupWriter(sink.write, "q.db")
    writer.group_seconds = 30
    for payload in ("t1", "l1", "t2", "t3", "l2", "t4"):
        writer.put(row(payload, Priority.LOGS if payload.startswith("l") else Priority.TELEMETRY))
    writer._give_up_beyond(QueueError("full"))
    assert sorted(one.payload for one in writer.rows()) == ["t2", "t3", "t4"]
    assert writer.lost == 3
    sink.full = False
    writer.close()

"""What the queue says of itself, also across processes and clock steps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pyv_edge_agent.cloud_sync.queue import Priority
from running.queue_clock import HandClock, queue_on


class Down:
    def post_batch(self, items: Sequence[Any]) -> bool:
        return False


def test_the_article_s_figures_and_ours(tmp_path: Path) -> None:
    clock = HandClock()
    queue = queue_on(tmp_path / "q.db", clock)
    queue.enqueue("t")
    queue.enqueue("c", Priority.CRITICAL)
    stats = queue.get_stats()
    assert (stats["depth"], stats["total_retries"], stats["oldest_item_timestamp"]) == (2, 0, clock.wall)
    assert (stats["last_flush_time"], stats["messages_sent_today"]) == (None, 0)
    assert stats["by_priority"] == {"critical": 1, "anomaly": 0, "telemetry": 1, "logs": 0}
    assert (stats["payload_bytes"], stats["breaker"]) == (6, "closed")
    queue.close()


def test_the_oldest_item_s_time_is_right_after_the_clock_was_set(tmp_path: Path) -> None:
    clock = HandClock(wall=100.0)
    queue = queue_on(tmp_path / "q.db", clock)
    queue.enqueue("from 1970", Priority.ANOMALY)
    clock.tick(60)
    clock.step(1.7e9)
    assert queue.get_stats()["oldest_item_timestamp"] == clock.wall - 60
    queue.close()


def test_another_process_sees_why_uploads_fail(tmp_path: Path) -> None:
    clock = HandClock()
    queue = queue_on(tmp_path / "q.db", clock)
    queue.enqueue("a", Priority.CRITICAL)
    queue.maybe_flush(Down())
    other = queue_on(tmp_path / "q.db", clock)
    assert other.get_stats()["last_error"] == "the uploader did not take the batch"
    assert (queue.get_stats()["breaker"], other.get_stats()["breaker"]) == ("open", "closed")
    other.close()
    queue.close()

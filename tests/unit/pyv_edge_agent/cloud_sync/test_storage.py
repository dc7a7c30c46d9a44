"""The file: leases and batches survive their process, and every fault is a QueueError that names the file."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from pyv_edge_agent.cloud_sync.interface import Priority, QueueError
from pyv_edge_agent.cloud_sync.storage import BATCH_BYTES_MAX, HORIZON_SECONDS, QueueStorage


@pytest.fixture
def storage(tmp_path: Path) -> QueueStorage:
    return QueueStorage(tmp_path / "q.db")


def fill(storage: QueueStorage, *payloads: str) -> None:
    storage.insert([(f'"{payload}"', int(Priority.TELEMETRY), 100.0, None) for payload in payloads])


def test_the_table_and_its_index_are_the_documented_ones(storage: QueueStorage) -> None:
    db = sqlite3.connect(storage.path)
    columns = {row[1] for row in db.execute("PRAGMA table_info(sync_queue)")}
    assert columns >= {"id", "payload", "priority", "created_at", "ttl_seconds", "retry_count", "next_retry_at"}
    indexed = [row[2] for row in db.execute("PRAGMA index_info(sync_queue_due)")]
    assert indexed == ["priority", "next_retry_at"]
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    db.close()


def test_nobody_else_may_read_what_is_queued(storage: QueueStorage) -> None:
    assert stat.S_IMODE(storage.path.stat().st_mode) == 0o600


def test_a_lease_ends_by_itself(storage: QueueStorage) -> None:
    fill(storage, "a")
    assert [item.payload for item in storage.lease(100.0, 400.0, 5)] == ["a"]
    assert storage.lease(399.0, 700.0, 5) == []
    assert [item.payload for item in storage.lease(400.0, 700.0, 5)] == ["a"]


def test_a_clock_set_back_does_not_hold_items_for_ever(storage: QueueStorage) -> None:
    fill(storage, "a")
    storage.lease(1e9, 1e9 + 300, 1)
    assert storage.lease(1e9 + 300 - HORIZON_SECONDS - 1, 2e9, 1) != []


def test_a_batch_keeps_its_members_and_name_in_another_process(storage: QueueStorage) -> None:
    fill(storage, "a", "b", "c")
    first = storage.lease_batch(100.0, 110.0, 2, "pyv-1-d")
    fill(storage, "d")
    again = QueueStorage(storage.path).lease_batch(110.0, 120.0, 100, "pyv-2-d")
    assert first is not None
    assert again is not None
    assert (first, first.batch_id) == (["a", "b"], "pyv-1-d-1")
    assert (again, again.batch_id) == (first, first.batch_id)


def test_a_batch_stays_below_its_size_but_is_never_empty(storage: QueueStorage) -> None:
    half = "x" * (BATCH_BYTES_MAX // 2)
    fill(storage, half + half, half, "y")
    batches = [storage.lease_batch(100.0, 200.0, 100, f"b{n}") for n in range(3)]
    assert [batch and len(batch) for batch in batches] == [1, 2, None]


def test_totals_count_what_was_sent_today(storage: QueueStorage) -> None:
    for now in (86400.0, 86401.0, 2 * 86400.0):
        fill(storage, "a")
        batch = storage.lease_batch(now, now + 1, 10, f"b{now}")
        assert batch is not None
        storage.delete_batch(batch.batch_id, now)
    assert storage.stats()[2] == {"last_flush_time": 172800.0, "sent_day": 2.0, "sent_today": 1.0}


def test_expired_items_go_unless_they_are_in_a_batch(storage: QueueStorage) -> None:
    storage.insert([('"in batch"', 3, 100.0, 10.0)])
    storage.lease_batch(100.0, 101.0, 10, "b")
    storage.insert([('"short"', 3, 100.0, 10.0), ('"long"', 3, 100.0, None)])
    assert storage.delete_expired(111.0) == 1
    assert storage.count() == 2


def test_a_failed_transaction_leaves_nothing_behind(storage: QueueStorage) -> None:
    with pytest.raises(QueueError):
        storage.insert([('"a"', 3, 1.0, None), (None, 3, 1.0, None)])  # type: ignore[list-item]
    assert storage.count() == 0
    fill(storage, "b")
    assert storage.count() == 1


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(QueueError, match="nowhere"):
        QueueStorage(tmp_path / "nowhere" / "q.db")
    (tmp_path / "q.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(QueueError, match=r"q\.db"):
        QueueStorage(tmp_path / "q.db")

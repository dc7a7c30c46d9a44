"""Items: leases that clocks do not shorten, ages that jumps do not lengthen, a bound that costs the least urgent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pyv_edge_agent.cloud_sync import totals
from pyv_edge_agent.cloud_sync.database import Database
from pyv_edge_agent.cloud_sync.interface import Priority, QueueFull
from pyv_edge_agent.cloud_sync.storage import HORIZON_SECONDS, Bound, QueueStorage, Row, payload_of
from running.queue_clock import HandClock

CRITICAL, ANOMALY, TELEMETRY, LOGS = Priority
LARGE = Bound()
YEARS = 50 * 365 * 86400.0


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "q.db")


@pytest.fixture
def storage(database: Database) -> QueueStorage:
    return QueueStorage(database)


def fill(
    storage: QueueStorage, clock: HandClock, *payloads: str, priority: Priority = TELEMETRY, bound: Bound = LARGE,
    ttl_seconds: float | None = None,
) -> None:  # fmt: skip
    storage.insert([Row(f'"{one}"', priority, clock.now(), ttl_seconds) for one in payloads], bound)


def offered(storage: QueueStorage, clock: HandClock) -> list[Any]:
    return [item.payload for item in storage.peek(clock.now(), 99)]


def test_a_lease_ends_by_itself_and_with_the_boot(storage: QueueStorage, clock: HandClock) -> None:
    fill(storage, clock, "a")
    assert [item.payload for item in storage.lease(clock.now(), 300.0, 5, "one")] == ["a"]
    clock.tick(299.0)
    assert offered(storage, clock) == []
    clock.tick(1.0)
    assert [item.payload for item in storage.lease(clock.now(), 300.0, 5, "two")] == ["a"]
    clock.reboot()
    assert offered(storage, clock) == ["a"]


@pytest.mark.parametrize("step", [YEARS, -YEARS, 3600.0])
def test_a_clock_that_jumps_ends_no_lease(storage: QueueStorage, clock: HandClock, step: float) -> None:
    fill(storage, clock, "a")
    storage.lease(clock.now(), 300.0, 1, "one")
    clock.step(step)
    assert offered(storage, clock) == []
    clock.tick(300.0)
    assert offered(storage, clock) == ["a"]


def test_whoever_lost_his_lease_neither_acks_nor_nacks(storage: QueueStorage, clock: HandClock) -> None:
    fill(storage, clock, "a")
    [late] = storage.lease(clock.now(), 10.0, 1, "late")
    clock.tick(10.0)
    [holder] = storage.lease(clock.now(), 10.0, 1, "holder")
    assert storage.delete([(late.id, "late")]) == 0
    assert storage.postpone([(late, clock.wall + 5)]) == 0
    assert storage.delete([(holder.id, "holder")]) == 1
    assert storage.delete([(holder.id, "holder")]) == 0


def test_a_clock_set_back_does_not_hold_items_for_ever(storage: QueueStorage, clock: HandClock) -> None:
    fill(storage, clock, "a")
    [item] = storage.lease(clock.now(), 10.0, 1, "one")
    storage.postpone([(item, clock.wall + 300)])
    assert offered(storage, clock) == []
    clock.step(-HORIZON_SECONDS)
    assert offered(storage, clock) == ["a"]


@pytest.mark.parametrize("step", [YEARS, -YEARS, 7200.0])
def test_a_clock_that_jumps_ages_nothing(storage: QueueStorage, clock: HandClock, step: float) -> None:
    fill(storage, clock, "a", ttl_seconds=60.0)
    clock.step(step)
    assert storage.delete_expired(clock.now()) == 0
    assert offered(storage, clock) == ["a"]
    clock.tick(61.0)
    assert offered(storage, clock) == []
    assert storage.delete_expired(clock.now()) == 1


def test_time_without_power_counts_if_both_clocks_could_be_believed(storage: QueueStorage, clock: HandClock) -> None:
    fill(storage, clock, "a", ttl_seconds=3600.0)
    clock.reboot(off_seconds=7200.0)
    clock.synced = False
    assert storage.delete_expired(clock.now()) == 0
    clock.synced = True
    assert storage.delete_expired(clock.now()) == 1


def test_an_age_that_nobody_knows_is_at_least_this_boot_s(storage: QueueStorage, clock: HandClock) -> None:
    clock.synced = False
    fill(storage, clock, "a", ttl_seconds=3600.0)
    clock.reboot(off_seconds=YEARS)
    clock.synced = True
    assert storage.delete_expired(clock.now()) == 0
    clock.tick(3600.0)
    assert storage.delete_expired(clock.now()) == 1


def test_what_nobody_holds_and_is_over_goes_and_is_counted(
    storage: QueueStorage, database: Database, clock: HandClock
) -> None:
    fill(storage, clock, "held", ttl_seconds=10.0)
    storage.lease(clock.now(), 100.0, 1, "one")
    fill(storage, clock, "short", ttl_seconds=10.0)
    fill(storage, clock, "long")
    clock.tick(11.0)
    assert storage.delete_expired(clock.now()) == 1
    assert database.read(totals.read)[totals.EXPIRED] == 1
    assert sum(items for items, _ in database.read(totals.depth).values()) == 2


def test_beyond_the_bound_the_oldest_of_the_least_urgent_go_counted(
    storage: QueueStorage, database: Database, clock: HandClock
) -> None:
    bound = Bound(items=4)
    fill(storage, clock, "l1", "l2", priority=LOGS, bound=bound)
    fill(storage, clock, "t1", "t2", bound=bound)
    fill(storage, clock, "t3", bound=bound)
    fill(storage, clock, "a1", priority=ANOMALY, bound=bound)
    assert offered(storage, clock) == ["a1", "t1", "t2", "t3"]
    fill(storage, clock, "l3", priority=LOGS, bound=bound)
    fill(storage, clock, "c1", "c2", priority=CRITICAL, bound=bound)
    assert offered(storage, clock) == ["c1", "c2", "a1", "t3"]
    known = database.read(totals.read)
    assert (known["evicted_4"], known["evicted_3"], known.get("evicted_2")) == (3, 2, None)


def test_the_bound_is_also_one_of_bytes(storage: QueueStorage, clock: HandClock) -> None:
    fill(storage, clock, "x" * 60, "y" * 60, "z" * 60, bound=Bound(bytes=130))
    assert offered(storage, clock) == ["y" * 60, "z" * 60]


def test_what_is_urgent_is_never_pushed_out_by_what_is_as_urgent(storage: QueueStorage, clock: HandClock) -> None:
    bound = Bound(items=2)
    fill(storage, clock, "a1", "a2", priority=ANOMALY, bound=bound)
    with pytest.raises(QueueFull, match="max_items"):
        fill(storage, clock, "a3", priority=ANOMALY, bound=bound)
    fill(storage, clock, "c1", "c2", priority=CRITICAL, bound=bound)
    with pytest.raises(QueueFull):
        fill(storage, clock, "c3", priority=CRITICAL, bound=bound)
    assert offered(storage, clock) == ["c1", "c2"]


def test_the_order_is_read_from_an_index_at_any_depth(storage: QueueStorage, database: Database) -> None:
    plan = database.read(
        lambda db: db.execute(
            "EXPLAIN QUERY PLAN SELECT id FROM sync_queue WHERE batch_id IS NULL AND (+next_retry_at <= 1) "
            "ORDER BY priority, id LIMIT 9"
        ).fetchall()
    )
    assert "sync_queue_order" in str(plan)
    assert "TEMP B-TREE" not in str(plan)


def test_a_payload_that_a_bad_block_garbled_still_leaves_the_queue() -> None:
    assert payload_of('{"a":1}') == {"a": 1}
    assert payload_of('{"a":\ufffd') == '{"a":\ufffd'

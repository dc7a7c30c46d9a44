"""Dead letters are few, told with the reason, and can be sent again or forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyv_edge_agent.cloud_sync import letters, totals
from pyv_edge_agent.cloud_sync.database import Database
from pyv_edge_agent.cloud_sync.interface import Priority
from pyv_edge_agent.cloud_sync.letters import DeadLetters
from pyv_edge_agent.cloud_sync.storage import QueueStorage, Row
from running.queue_clock import HandClock


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "q.db")


def kill(database: Database, *payloads: tuple[str, Priority], most: int = 10) -> DeadLetters:
    storage, now = QueueStorage(database), HandClock().now()
    storage.insert([Row(f'"{payload}"', priority, now) for payload, priority in payloads])
    ids = [item.id for item in storage.peek(now, 99)]
    database.write(lambda db: letters.bury(db, ids, "the endpoint answered 422", 5.0, most))
    return DeadLetters(database)


def test_the_newest_come_first_with_their_reason(database: Database) -> None:
    dead = kill(database, ("a", Priority.TELEMETRY), ("b", Priority.TELEMETRY))
    assert [(one.payload, one.reason, one.died_at, one.retry_count) for one in dead.list()] == [
        ("b", "the endpoint answered 422", 5.0, 1),
        ("a", "the endpoint answered 422", 5.0, 1),
    ]


def test_beyond_the_most_the_least_urgent_and_oldest_are_dropped_and_counted(database: Database) -> None:
    dead = kill(
        database, ("c", Priority.CRITICAL), ("t1", Priority.TELEMETRY), ("t2", Priority.TELEMETRY),
        ("l", Priority.LOGS), most=2,
    )  # fmt: skip
    assert [one.payload for one in dead.list()] == ["t2", "c"]
    known = database.read(totals.read)
    assert (known[totals.DEAD], known[totals.DEAD_DROPPED]) == (4, 2)


def test_some_or_all_go_back_into_the_queue_as_if_new(database: Database) -> None:
    dead = kill(database, ("a", Priority.TELEMETRY), ("b", Priority.CRITICAL))
    assert dead.retry([dead.list()[0].id]) == 1
    assert dead.retry() == 1
    items = QueueStorage(database).peek(HandClock().now(), 9)
    assert [(item.payload, item.retry_count) for item in items] == [("b", 0), ("a", 0)]
    assert dead.count() == 0


def test_some_or_all_are_forgotten(database: Database) -> None:
    dead = kill(database, ("a", Priority.TELEMETRY), ("b", Priority.TELEMETRY))
    assert dead.purge([999]) == 0
    assert dead.purge([dead.list()[0].id]) == 1
    assert dead.purge() == 1
    assert QueueStorage(database).peek(HandClock().now(), 9) == []

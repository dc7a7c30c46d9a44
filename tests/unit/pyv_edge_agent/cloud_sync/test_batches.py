"""A batch keeps name and members until an answer says otherwise, and results count only for who holds it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyv_edge_agent.cloud_sync import totals
from pyv_edge_agent.cloud_sync.batches import BATCH_BYTES_MAX, BatchStorage
from pyv_edge_agent.cloud_sync.database import Database
from pyv_edge_agent.cloud_sync.interface import Batch, Priority
from pyv_edge_agent.cloud_sync.letters import DeadLetters
from pyv_edge_agent.cloud_sync.storage import Bound, QueueStorage, Row
from running.queue_clock import HandClock


class Place:
    def __init__(self, path: Path) -> None:
        self.database = Database(path)
        self.storage = QueueStorage(self.database)
        self.batches = BatchStorage(self.database)
        self.clock = HandClock()

    def fill(self, *payloads: str, priority: Priority = Priority.TELEMETRY, ttl_seconds: float | None = None) -> None:
        self.storage.insert([Row(f'"{one}"', priority, self.clock.now(), ttl_seconds) for one in payloads])

    def take(self, name: str, limit: int = 100, seconds: float = 10.0) -> Batch:
        batch = self.batches.lease(self.clock.now(), seconds, limit, name, f"lease of {name}")
        assert batch is not None
        return batch

    def none(self) -> bool:
        return self.batches.lease(self.clock.now(), 10.0, 100, "none", "none") is None


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "q.db")


def test_a_batch_keeps_its_members_and_name_in_another_process(place: Place) -> None:
    place.fill("a", "b", "c")
    first = place.take("pyv-1-d", limit=2)
    place.fill("d")
    place.clock.tick(10)
    other = BatchStorage(Database(place.database.path))
    again = other.lease(place.clock.now(), 10.0, 100, "pyv-2-d", "other")
    assert (first, first.batch_id) == (["a", "b"], "pyv-1-d-1")
    assert again is not None
    assert (again, again.batch_id) == (first, first.batch_id)


def test_a_batch_stays_below_its_size_but_is_never_empty(place: Place) -> None:
    half = "x" * (BATCH_BYTES_MAX // 2)
    place.fill(half + half, half, "y")
    assert [len(place.take("b1")), len(place.take("b2"))] == [1, 2]
    assert place.none()


def test_neither_bound_nor_ttl_takes_one_out_of_a_batch(place: Place) -> None:
    place.fill("a", "b", ttl_seconds=5.0)
    batch = place.take("b")
    place.clock.tick(11)
    place.storage.insert([Row('"c"', Priority.TELEMETRY, place.clock.now())], Bound(items=1))
    assert place.storage.delete_expired(place.clock.now()) == 0
    assert place.take("later") == batch


def test_something_more_urgent_goes_before_a_batch_that_failed(place: Place) -> None:
    place.fill("t")
    failed = place.take("old")
    place.batches.postpone(failed, place.clock.wall, "timeout", place.clock.wall)
    place.fill("t2")
    place.fill("fire", priority=Priority.CRITICAL)
    assert [place.take("one"), place.take("two")] == [["fire", "t2"], ["t"]]


def test_a_result_of_a_sender_that_lost_its_lease_changes_nothing(place: Place) -> None:
    place.fill("a", "b")
    late = place.take("one")
    place.clock.tick(10)
    holder = place.take("two")
    place.batches.postpone(late, place.clock.wall + 99, "late", place.clock.wall)
    place.batches.split(late, "late", place.clock.wall)
    place.batches.bury(late, "late", place.clock.wall, 10)
    assert place.none()
    assert holder.batch_id == late.batch_id
    assert place.batches.delete(holder, place.clock.wall) == 2
    assert place.batches.delete(late, place.clock.wall) == 0
    assert place.database.read(totals.read)["sent_today"] == 2


def test_halves_are_batches_with_names_that_stay(place: Place) -> None:
    place.fill("a", "b", "c")
    place.batches.split(place.take("b"), "400", place.clock.wall)
    first, second = place.take("x"), place.take("y")
    assert [(first, first.batch_id), (second, second.batch_id)] == [(["a"], "b-1a"), (["b", "c"], "b-1b")]
    assert place.database.read(totals.notes)["last_error"] == "400"


def test_what_is_buried_lies_among_the_dead_letters(place: Place) -> None:
    place.fill("bad")
    place.batches.bury(place.take("b"), "the endpoint answered 400", place.clock.wall, 10)
    [letter] = DeadLetters(place.database).list()
    assert (letter.payload, letter.reason) == ("bad", "the endpoint answered 400")
    assert place.none()


def test_a_person_s_word_ends_the_wait(place: Place) -> None:
    place.fill("a")
    place.batches.postpone(place.take("b"), place.clock.wall + 300, "401", place.clock.wall)
    assert not place.batches.is_due(place.clock.now())
    place.batches.forgive()
    assert place.batches.is_due(place.clock.now())

"""What the owner of a running agent may ask: answered in plain values, by the real updater."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from pyv_edge_agent.control import Conflict, ControlError, NotFound
from pyv_edge_agent.core.memory import Memory, Tried, parts
from pyv_edge_agent.disk.journal import Journal
from pyv_edge_agent.updater import read_memory
from pyv_edge_agent.verbs import Verbs, quarantined_as
from pyvorin_edge.identity import Digest
from pyvorin_edge.orders import EMPTY_OVERLAY
from pyvorin_edge.vocabulary import Cause, Outcome
from running.brain import an_installed
from unit.pyv_edge_agent.test_updater import World

BAD = Tried(
    release=Digest("c" * 64), overlay=EMPTY_OVERLAY, attempt=1, outcome=Outcome.FAILED, code=Cause.GATE, tries=1,
    switched=True,
)  # fmt: skip


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    memory = Memory(committed=an_installed("b"), previous=(an_installed("a"),), quarantine=(BAD,))
    Journal(tmp_path).write(parts(memory))
    made = World(tmp_path)
    made.updater.start("boot-1", "machine-1")
    yield made
    made.updater.stop()


@pytest.fixture
def verbs(world: World) -> Verbs:
    lines = ("a", "b", "c")
    health = {"status": "healthy"}
    return Verbs(world.updater, lambda: health, lambda count: lines[-count:], lambda: None, Path("c.toml"))


def test_every_answer_is_plain(verbs: Verbs) -> None:
    for verb in ("status", "health", "drift", "logs"):
        assert isinstance(msgspec.json.decode(msgspec.json.encode(verbs.all()[verb]({}))), dict)
    said = verbs.status()
    assert (said["running"], said["config"], said["trouble"]) == (True, "c.toml", None)


def test_a_rollback_is_by_version_or_to_the_one_before(verbs: Verbs, world: World) -> None:
    assert verbs.rollback({"to": "previous"})["version"] == "a.0"
    local = read_memory(Journal(world.root)).local
    assert local is not None
    assert local.release == "a" * 64
    with pytest.raises(NotFound, match=r"held: b\.0, a\.0"):
        verbs.rollback({"version": "9.9"})
    with pytest.raises(ControlError, match="needs a version"):
        verbs.rollback({})


def test_a_pardon_is_durable_and_only_of_what_is_in_quarantine(verbs: Verbs, world: World) -> None:
    with pytest.raises(NotFound, match="in quarantine: cccccccccccc"):
        verbs.pardon({"release": "dddddddd"})
    assert verbs.pardon({"release": "cccccccc"})["release"] == "c" * 64
    assert read_memory(Journal(world.root)).quarantine == ()


def test_a_name_that_fits_several_releases_is_refused() -> None:
    lines = [{"release": letter * 64, "version": "2.0"} for letter in "ab"]
    with pytest.raises(Conflict, match="names 2 quarantined"):
        quarantined_as({"update": {"quarantine": lines}}, "2.0")


def test_log_lines_are_as_many_as_asked_for_within_bounds(verbs: Verbs) -> None:
    assert verbs.logs({"lines": 2}) == {"lines": ["b", "c"]}
    assert verbs.logs({"lines": "many"}) == {"lines": ["a", "b", "c"]}


def test_the_lock_is_passed_over_for_an_update_and_there_must_be_one(verbs: Verbs) -> None:
    with pytest.raises(Conflict, match="no update is under way"):
        verbs.all()["pass-lock"]({})

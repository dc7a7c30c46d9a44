"""Rule 15: what a person does on the device itself stands, is told, and ends when the fleet says something new."""

from __future__ import annotations

import pytest

from conformance.watched import Watched
from pyvorin_edge.identity import Digest
from pyvorin_edge.vocabulary import DriftKind, Standing


@pytest.fixture
def two(device: Watched) -> tuple[Digest, Digest]:
    """A device that ran one release and runs another."""
    old, new = device.publish("1.0", 1), device.publish("1.1", 2)
    for release in (old, new):
        device.fleet.direct(release)
        device.settle_on(release)
    return old, new


def test_a_rollback_by_hand_stands_over_a_restart_and_a_refresh(device: Watched, two: tuple[Digest, Digest]) -> None:
    old, _ = two
    device.subject.roll_back_by_hand("1.0")
    device.settle_on(old)
    device.restart()
    device.fleet.refresh()
    device.subject.idle(3)
    assert device.settled_on(old)
    assert device.runs(1)


def test_a_rollback_by_hand_ends_when_other_rules_are_accepted(device: Watched, two: tuple[Digest, Digest]) -> None:
    old, new = two
    device.subject.roll_back_by_hand("1.0")
    device.settle_on(old)
    device.fleet.direct(new)  # the next attempt: other rules
    device.settle_on(new)
    assert "local" not in device.subject.durable()


def test_an_edited_file_is_reported_as_drift_with_its_key_path(device: Watched, two: tuple[Digest, Digest]) -> None:
    device.subject.edit(device.config(9))
    device.until(lambda: device.report.drift.standing is Standing.DRIFTED, "drifted")
    drift = device.report.drift
    assert drift.kinds == (DriftKind.EDITED,)
    assert drift.paths == ("/windows/default_size",)
    assert drift.live_hash != drift.applied_hash
    assert drift.since is not None


def test_an_edited_file_that_validates_is_loaded_at_start(device: Watched, two: tuple[Digest, Digest]) -> None:
    edited = device.config(9)
    device.subject.kill()
    device.subject.edit(edited)
    device.subject.start()
    device.until(lambda: device.report.drift.standing is Standing.DRIFTED, "drifted")
    assert device.subject.live() == edited


def test_a_file_that_does_not_validate_is_written_over_at_start(device: Watched, two: tuple[Digest, Digest]) -> None:
    device.subject.kill()
    device.subject.edit(b"[sensors\nhalf a line")
    device.subject.start()
    device.until(lambda: device.runs(2), "the committed config is back")
    device.until(lambda: device.report.drift.standing is Standing.IN_STEP, "in step")


def test_a_removed_file_is_written_again_at_start(device: Watched, two: tuple[Digest, Digest]) -> None:
    device.subject.kill()
    device.subject.edit(None)
    device.subject.start()
    device.until(lambda: device.runs(2), "the committed config is back")


def test_an_edit_does_not_keep_a_new_release_away(device: Watched, two: tuple[Digest, Digest]) -> None:
    device.subject.edit(device.config(9))
    device.until(lambda: device.report.drift.standing is Standing.DRIFTED, "drifted")
    third = device.publish("1.2", 3)
    device.fleet.direct(third)
    device.settle_on(third)
    device.until(lambda: device.report.drift.standing is Standing.IN_STEP, "in step")
    assert device.runs(3)

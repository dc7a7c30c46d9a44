"""What a status means, and whose fault it is."""

from __future__ import annotations

import pytest

from pyv_edge_agent.cloud_sync.answers import Step, answer_of, step_of
from pyv_edge_agent.cloud_sync.interface import Answer, Outcome
from pyvorin_edge.vocabulary import UploadFailure


@pytest.mark.parametrize(
    ("statuses", "outcome"),
    [
        ((200, 201, 202, 204), Outcome.TAKEN),
        ((500, 502, 503, 504, 429, 408, 425, 599, 100), Outcome.LATER),
        ((401, 403, 404, 405, 407, 410, 415, 301, 307), Outcome.DENIED),
        ((413,), Outcome.TOO_LARGE),
        ((400, 409, 422, 418), Outcome.REFUSED),
    ],
)
def test_each_status_has_its_meaning(statuses: tuple[int, ...], outcome: Outcome) -> None:
    assert {answer_of(status, None, 0.0).outcome for status in statuses} == {outcome}


def test_an_expired_key_is_told_as_one() -> None:
    assert "api_key" in answer_of(401, None, 0.0).reason
    assert "cloud.endpoint" in answer_of(404, None, 0.0).reason
    assert answer_of(401, None, 0.0).failure is UploadFailure.KEY


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (200, None),
        (403, UploadFailure.KEY),
        (404, UploadFailure.ADDRESS),
        (413, UploadFailure.REFUSED),
        (422, UploadFailure.REFUSED),
        (429, UploadFailure.BUSY),
        (503, UploadFailure.SERVER),
    ],
)
def test_a_failure_has_its_kind(status: int, failure: UploadFailure | None) -> None:
    assert answer_of(status, None, 0.0).failure is failure


def test_retry_after_counts_for_what_passes() -> None:
    assert answer_of(503, "7", 0.0).retry_after_seconds == 7.0
    assert answer_of(429, "7", 0.0).retry_after_seconds == 7.0
    assert answer_of(400, "7", 0.0).retry_after_seconds is None


@pytest.mark.parametrize(
    ("outcome", "size", "step"),
    [
        (Outcome.TAKEN, 5, Step.FORGET),
        (Outcome.LATER, 5, Step.HOLD),
        (Outcome.DENIED, 1, Step.HOLD),
        (Outcome.TOO_LARGE, 2, Step.SPLIT),
        (Outcome.TOO_LARGE, 1, Step.BURY),
        (Outcome.REFUSED, 100, Step.SPLIT),
        (Outcome.REFUSED, 1, Step.BURY),
    ],
)
def test_only_an_item_that_is_alone_and_refused_is_buried(outcome: Outcome, size: int, step: Step) -> None:
    assert step_of(Answer(outcome), size) is step

"""What is behind a deep queue: the article's two causes, and the others that the agent can tell apart."""

from __future__ import annotations

from typing import Any

import pytest

from pyv_fleet.core.diagnosis import of_queue
from pyv_fleet.core.words import Diagnosis
from pyvorin_edge.vocabulary import UploadFailure


@pytest.mark.parametrize(
    ("failure", "said", "code", "words"),
    [
        (UploadFailure.KEY, "the endpoint answered 401", Diagnosis.API_KEY, "API key"),
        (UploadFailure.TIMEOUT, "TimeoutError: timed out", Diagnosis.NETWORK, "network partition"),
        (UploadFailure.NETWORK, "gaierror", Diagnosis.NETWORK, "network partition"),
        (UploadFailure.SERVER, "the endpoint answered 503", Diagnosis.CLOUD, "nothing is wrong on the device"),
    ],
)
def test_what_uploads_fail_with_is_the_cause(failure: UploadFailure, said: str, code: Diagnosis, words: str) -> None:
    found = of_queue({"cloud": {"queue_depth": 6000, "last_failure": failure.value, "last_error": said}})
    assert found.code is code
    assert words in found.sentence
    assert said in found.sentence


def test_every_kind_of_failure_has_a_cause() -> None:
    for failure in UploadFailure:
        assert of_queue({"cloud": {"last_failure": failure.value}}).code is not Diagnosis.UNKNOWN


@pytest.mark.parametrize("health", [{}, {"cloud": None}, {"cloud": {"last_error": "x", "last_failure": "moon"}}])
def test_a_device_that_does_not_tell_has_no_cause_made_up(health: dict[str, Any]) -> None:
    assert of_queue(health).code is Diagnosis.UNKNOWN


def test_uploads_that_go_through_are_too_slow() -> None:
    assert of_queue({"cloud": {"queue_depth": 6000}}).code is Diagnosis.SLOW

"""Rule 14: a request is for this very start of this device, once, in time, never retained."""

from __future__ import annotations

import pytest

from conformance.fleet import other_key
from conformance.subject import Able, needs
from conformance.watched import Watched
from pyvorin_edge.envelope import TYPE_REQUEST
from pyvorin_edge.identity import Digest, shard_of
from pyvorin_edge.report import Response
from pyvorin_edge.topics import request as request_topic
from pyvorin_edge.vocabulary import DriftKind, Refusal, ResponseOutcome, Standing, Verb


@pytest.fixture
def edited(device: Watched) -> Digest:
    """A release that somebody edited by hand after it was committed."""
    release = device.publish("1.0", 1)
    device.fleet.direct(release)
    device.settle_on(release)
    device.subject.edit(device.config(5))
    device.until(lambda: device.report.drift.standing is Standing.DRIFTED, "the edit is seen")
    return release


def answer(device: Watched, count: int = 1) -> Response:
    device.until(lambda: len(device.subject.responses()) >= count, "an answer")
    return device.subject.responses()[count - 1]


@needs(Able.TOPICS)
def test_a_request_for_this_start_is_answered(device: Watched) -> None:
    device.fleet.request(Verb.SNAPSHOT, device.report.boot_id)
    found = answer(device)
    assert found.outcome is ResponseOutcome.DONE
    assert found.body


@needs(Able.TOPICS)
def test_a_request_with_another_boot_id_is_refused(device: Watched) -> None:
    device.fleet.request(Verb.SNAPSHOT, "another")
    found = answer(device)
    assert (found.outcome, found.code) == (ResponseOutcome.REFUSED, Refusal.OTHER_BOOT)


@needs(Able.TOPICS)
def test_a_request_of_an_earlier_start_is_refused(device: Watched) -> None:
    before = device.report.boot_id
    device.restart()
    device.fleet.request(Verb.SNAPSHOT, before)
    assert answer(device).code is Refusal.OTHER_BOOT


@needs(Able.TOPICS)
def test_a_request_seen_before_is_refused(device: Watched) -> None:
    sealed = device.fleet.request(Verb.SNAPSHOT, device.report.boot_id)
    assert answer(device).outcome is ResponseOutcome.DONE
    device.fleet.carrier.publish(request_topic(device.subject.device_id), sealed, retain=False)
    assert answer(device, 2).code is Refusal.REPLAYED


@needs(Able.TOPICS)
def test_a_request_past_its_end_is_refused(device: Watched) -> None:
    now = device.fleet.carrier.now_ms()
    device.fleet.request(Verb.LOGS, device.report.boot_id, issued_at=now - 120_000, expires_at=now - 60_000)
    device.until(lambda: device.report.refused is not None and device.report.refused.code is Refusal.EXPIRED, "refused")
    assert not [one for one in device.subject.responses() if one.outcome is ResponseOutcome.DONE]


@needs(Able.TOPICS)
def test_a_retained_request_is_refused(device: Watched) -> None:
    device.subject.disconnect()
    device.fleet.request(Verb.SNAPSHOT, device.report.boot_id, retain=True)
    device.subject.connect()
    assert answer(device).code is Refusal.RETAINED


@needs(Able.TOPICS)
def test_a_request_signed_by_a_stranger_is_not_even_answered(device: Watched) -> None:
    honest = device.fleet.directive_key
    device.fleet.directive_key = other_key(7)
    device.fleet.request(Verb.SNAPSHOT, device.report.boot_id)
    device.fleet.directive_key = honest
    device.until(
        lambda: device.report.refused is not None and device.report.refused.code is Refusal.SIGNATURE, "refused"
    )
    assert not device.subject.responses()


@needs(Able.TOPICS)
def test_a_whole_shard_is_asked_for_reports_without_a_boot_id(device: Watched) -> None:
    count = len(device.subject.reports())
    device.fleet.request(Verb.REPORT, None, device_id=None, shard=shard_of(device.subject.device_id))
    device.until(lambda: len(device.subject.reports()) > count, "a report")


@needs(Able.TOPICS)
def test_a_whole_shard_cannot_be_asked_for_anything_else(device: Watched) -> None:
    device.fleet.request(Verb.LOGS, None, device_id=None, shard=shard_of(device.subject.device_id))
    device.until(lambda: device.report.refused is not None, "refused")
    assert not [one for one in device.subject.responses() if one.outcome is ResponseOutcome.DONE]


@needs(Able.TOPICS)
def test_remediate_writes_the_committed_config_back(device: Watched, edited: Digest) -> None:
    before = {name: data for name, data in device.subject.durable().items() if name != "state"}
    device.fleet.request(Verb.REMEDIATE, device.report.boot_id, args={"live_hash": device.report.drift.live_hash})
    assert answer(device).outcome is ResponseOutcome.DONE
    device.until(lambda: device.report.drift.standing is Standing.IN_STEP, "in step again")
    assert device.runs(1)
    after = {name: data for name, data in device.subject.durable().items() if name != "state"}
    assert after == before, "no trial, no quarantine"


@needs(Able.TOPICS)
def test_remediate_leaves_a_file_that_is_another_by_now(device: Watched, edited: Digest) -> None:
    device.fleet.request(Verb.REMEDIATE, device.report.boot_id, args={"live_hash": "0" * 64})
    assert answer(device).outcome is ResponseOutcome.REFUSED
    assert device.runs(5)
    assert device.report.drift.kinds == (DriftKind.EDITED,)


@needs(Able.TOPICS)
def test_the_answers_bear_the_requests_id(device: Watched) -> None:
    device.fleet.request(Verb.LOGS, device.report.boot_id, request_id="the-one", args={"lines": 2})
    found = answer(device)
    assert (found.request_id, found.device_id) == ("the-one", device.subject.device_id)
    assert TYPE_REQUEST.endswith("request.v1+json")

"""Rule 13: `${VAR}` is the device's own; no value of it is in a config's hash or in anything that is told."""

from __future__ import annotations

import json

import pytest

from conformance.fleet import Fleet
from conformance.subject import Able, Carrier, Subject, needs
from conformance.watched import Watched
from pyvorin_edge.config.layers import golden_hash
from pyvorin_edge.vocabulary import Cause, ConfigFormat, Outcome, Verb

SECRET = "hunter2-and-more"


@pytest.fixture
def secretive(pair: tuple[Subject, Carrier], fleet: Fleet) -> Watched:
    """A device that knows a secret."""
    watched = Watched(pair[0], fleet)
    watched.enrol({"API_KEY": SECRET})
    fleet.assign()
    watched.subject.start()
    watched.until(lambda: watched.last is not None, "its first report")
    return watched


def test_a_value_may_refer_to_the_device_and_the_hash_does_not_know_it(secretive: Watched) -> None:
    config = secretive.config(1, cloud={"api_key": "${API_KEY}", "endpoint": "${WHERE:-https://x.example}"})
    release = secretive.fleet.release("1.0", config)
    secretive.fleet.direct(release)
    secretive.settle_on(release)
    assert secretive.report.running.config_hash == golden_hash(config, ConfigFormat.TOML, {})
    live = secretive.subject.live()
    assert live is not None
    assert SECRET.encode() not in live


@needs(Able.TOPICS)
def test_no_secret_is_in_a_report_or_a_snapshot(secretive: Watched) -> None:
    config = secretive.config(1, cloud={"api_key": "${API_KEY}"})
    release = secretive.fleet.release("1.0", config)
    secretive.fleet.direct(release)
    secretive.settle_on(release)
    secretive.subject.edit(secretive.config(1, cloud={"api_key": SECRET}))
    secretive.until(lambda: bool(secretive.report.drift.kinds), "the edit is seen")
    secretive.fleet.request(Verb.SNAPSHOT, secretive.report.boot_id)
    secretive.until(lambda: bool(secretive.subject.responses()), "the snapshot")
    said = [*secretive.subject.reports(), *secretive.subject.responses()]
    assert all(SECRET not in repr(one) for one in said)
    assert json.dumps(secretive.subject.responses()[-1].body)  # and it is JSON


def test_a_variable_that_is_not_set_rejects_the_release_and_names_it(secretive: Watched) -> None:
    release = secretive.fleet.release("1.0", secretive.config(1, cloud={"api_key": "${NOT_HERE}"}))
    secretive.fleet.direct(release)
    secretive.end(release, Outcome.REJECTED)
    result = secretive.report.result
    assert result is not None
    assert result.code is Cause.INVALID
    assert "NOT_HERE" in result.detail
    assert secretive.runs(0)

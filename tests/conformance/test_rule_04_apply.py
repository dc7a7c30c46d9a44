"""Rule 4: fetch, stage, validate, switch, prove, commit; anything less ends on the last committed release."""

from __future__ import annotations

from conformance.watched import Watched

from pyvorin_edge.vocabulary import Cause, Outcome


def test_a_good_release_is_committed_and_reported(device: Watched) -> None:
    release = device.publish("1.0", 1)
    device.fleet.direct(release)
    device.end(release, Outcome.COMMITTED)
    assert device.runs(1)
    assert device.report.running.release == release


def test_an_unhealthy_release_is_reverted_by_the_device_alone(device: Watched) -> None:
    good = device.publish("1.0", 1)
    device.fleet.direct(good)
    device.settle_on(good)
    bad = device.fleet.release("1.1", device.bad_config())
    device.fleet.direct(bad)
    device.until(lambda: device.report.running.release == bad, "it proves the bad release")
    device.subject.disconnect()  # nobody is there to help
    device.until(lambda: device.runs(1), "the good config is back")
    device.subject.connect()
    device.end(bad, Outcome.FAILED)
    result = device.report.result
    assert result is not None
    assert (result.code, bool(result.detail)) == (Cause.GATE, True)
    assert device.settled_on(good)

"""Rule 9: never below the floor, which commits and trust documents raise; revoked releases are never begun."""

from __future__ import annotations

from conformance.watched import Watched
from pyvorin_edge.identity import Digest
from pyvorin_edge.vocabulary import Cause, Outcome


def rejected(device: Watched, release: Digest, cause: Cause) -> None:
    device.end(release, Outcome.REJECTED)
    assert device.report.result is not None
    assert device.report.result.code is cause


def test_a_committed_release_raises_the_floor(device: Watched) -> None:
    old = device.publish("1.0", 1, security=1)
    new = device.publish("1.1", 2, security=2, floor=2)
    for release in (old, new):
        device.fleet.direct(release)
        device.settle_on(release)
    assert device.report.floor == 2
    device.fleet.roll_back(old)
    rejected(device, old, Cause.BELOW_FLOOR)
    assert device.runs(2)
    device.restart()
    device.subject.idle(2)
    assert device.runs(2)


def test_a_trial_does_not_raise_the_floor_so_falling_back_is_allowed(device: Watched) -> None:
    old = device.publish("1.0", 1, security=1)
    device.fleet.direct(old)
    device.settle_on(old)
    bad = device.bad("1.1", security=9, floor=9)
    device.fleet.direct(bad)
    device.end(bad, Outcome.FAILED)
    assert device.settled_on(old)
    assert device.report.floor == 0


def test_a_trust_document_raises_the_floor(device: Watched) -> None:
    device.fleet.trust(floor=3)
    device.until(lambda: device.report.floor == 3, "the new floor")
    low = device.publish("1.0", 1, security=2)
    device.fleet.direct(low)
    rejected(device, low, Cause.BELOW_FLOOR)
    assert device.runs(0)


def test_a_new_epoch_sets_the_floor_to_the_trust_documents(device: Watched) -> None:
    high = device.publish("1.0", 1, security=9, floor=9)
    device.fleet.direct(high)
    device.settle_on(high)
    device.fleet.trust(epoch=2, floor=1)
    device.until(lambda: device.report.floor == 1, "the floor of the new epoch")
    low = device.publish("1.1", 2, security=1)
    device.fleet.assign()
    device.fleet.direct(low)
    device.settle_on(low)


def test_a_revoked_release_is_never_begun(device: Watched) -> None:
    risky = device.publish("1.0", 1)
    device.fleet.trust(revoked_releases=(risky,))
    device.until(lambda: device.report.trust == 2, "the revocation")
    device.fleet.direct(risky)
    rejected(device, risky, Cause.REVOKED)
    assert device.runs(0)


def test_a_device_may_fall_back_to_a_revoked_release(device: Watched) -> None:
    risky = device.publish("1.0", 1)
    device.fleet.direct(risky)
    device.settle_on(risky)
    device.fleet.trust(revoked_releases=(risky,))
    device.until(lambda: device.report.trust == 2, "the revocation")
    bad = device.bad("1.1")
    device.fleet.direct(bad)
    device.end(bad, Outcome.FAILED)
    assert device.runs(1)

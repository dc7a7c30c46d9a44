"""Rule 12: an order that comes right after connecting is durable at once and begun a little later."""

from __future__ import annotations

import pytest

from conformance.subject import Able, needs
from conformance.watched import Watched
from pyvorin_edge.identity import Digest
from pyvorin_edge.orders import Pace
from pyvorin_edge.vocabulary import WaitingFor

SETTLING = Pace(settle_seconds=5, beat_seconds=0)
#: so long that whoever waited for it would be noticed
LONG = Pace(settle_seconds=300, beat_seconds=0)


@pytest.fixture
def base(device: Watched) -> Digest:
    """A device that is on a release, with a directive that tells it to settle for 5 s; its network is gone."""
    release = device.publish("1.0", 1)
    device.fleet.direct(release, pace=SETTLING)
    device.settle_on(release)
    device.subject.disconnect()
    return release


@needs(Able.NETWORK)
def test_it_is_durable_at_once_and_begun_when_the_time_is_over(device: Watched, base: Digest) -> None:
    after = device.publish("1.1", 2)
    sealed = device.fleet.direct(after, pace=SETTLING)
    device.subject.connect()
    device.until(lambda: device.waits_for(WaitingFor.SETTLE), "it lets orders settle")
    assert sealed in device.subject.durable()["desired-directive"]
    device.subject.idle(1)
    assert device.runs(1)
    device.settle_on(after)


@needs(Able.NETWORK)
def test_it_is_begun_although_the_connection_is_lost_meanwhile(device: Watched, base: Digest) -> None:
    # what it needs is held already: only the wait stands between
    after = device.publish("1.1", 2)
    for release in (after, base):
        device.subject.connect()
        device.fleet.roll_back(release, pace=SETTLING)
        device.settle_on(release)
    device.subject.disconnect()
    device.fleet.direct(after, pace=SETTLING)
    device.subject.connect()
    device.until(lambda: device.waits_for(WaitingFor.SETTLE), "it lets orders settle")
    device.subject.disconnect()
    device.until(lambda: device.runs(2), "it began without a connection", within_seconds=30)


def test_a_rollback_does_not_settle(device: Watched, base: Digest) -> None:
    after = device.publish("1.1", 2)
    device.fleet.roll_back(after, pace=LONG)
    device.subject.connect()
    device.settle_on(after)


def test_the_first_release_of_all_does_not_settle(device: Watched) -> None:
    release = device.publish("1.0", 1)
    device.fleet.direct(release, pace=LONG)
    device.settle_on(release)


def test_the_directive_before_the_last_does_no_harm(device: Watched, base: Digest) -> None:
    """A broker killed after its PUBACK hands out an older order first; the newer one follows within moments."""
    stale, right = device.publish("1.1", 2), device.publish("1.2", 3)
    device.fleet.direct(stale, pace=SETTLING)
    device.subject.connect()
    device.subject.idle(1)
    device.fleet.direct(right, pace=SETTLING)
    device.settle_on(right, within_seconds=30)
    assert all(report.running.release != stale for report in device.subject.reports())

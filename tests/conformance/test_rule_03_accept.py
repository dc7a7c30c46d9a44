"""Rule 3: an order is durable whole, and everything after comes from the disk, at every start."""

from __future__ import annotations

from conformance.watched import Watched
from pyvorin_edge.vocabulary import Outcome


def test_an_accepted_order_lies_whole_on_the_disk(device: Watched) -> None:
    release = device.publish("1.0", 1)
    sealed = device.fleet.direct(release)
    device.settle_on(release)
    assert sealed in device.subject.durable()["desired-directive"]


def test_what_was_accepted_is_carried_out_after_a_kill_without_being_said_again(device: Watched) -> None:
    good = device.publish("1.0", 1)
    device.fleet.direct(good)
    device.settle_on(good)
    next_one = device.fleet.release("1.1", device.config(2), publish=False)
    device.fleet.direct(next_one)
    device.until(lambda: device.report.target is not None, "it works towards the next")
    device.subject.kill()
    device.fleet.carrier.publish("pyvorin/fleet/v1/channel/stable", b"", retain=True)
    device.publish("1.1", 2)
    device.subject.start()
    device.settle_on(next_one)


def test_a_retained_rollback_is_not_applied_twice(device: Watched) -> None:
    old, new = device.publish("1.0", 1), device.publish("1.1", 2)
    for release in (old, new):
        device.fleet.direct(release)
        device.settle_on(release)
    device.fleet.roll_back(old)
    device.settle_on(old)
    result = device.report.result
    for _ in range(3):
        device.restart()
        device.subject.idle(1)
    assert device.settled_on(old)
    assert device.report.result == result


def test_starts_change_nothing_but_the_count_of_starts(device: Watched) -> None:
    release = device.publish("1.0", 1)
    device.fleet.direct(release)
    device.end(release, Outcome.COMMITTED)
    before = dict(device.subject.durable())
    boot = device.report.boot
    device.restart()
    device.subject.idle(2)
    after = dict(device.subject.durable())
    assert device.report.boot == boot + 1
    before.pop("state")
    after.pop("state")
    assert after == before

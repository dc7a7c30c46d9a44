"""Rule 7: a new address of the fleet is a candidate until a report was acknowledged through it; else the old stays."""

from __future__ import annotations

from conformance.fleet import link_at
from conformance.subject import Able, needs
from conformance.watched import Watched
from pyvorin_edge.vocabulary import Cause, Outcome, Phase


@needs(Able.NETWORK)
def test_an_address_that_answers_is_kept_over_a_restart(device: Watched) -> None:
    there = device.subject.other_address
    device.subject.answer_at(there, True)
    device.fleet.trust(link=link_at(there))
    device.until(lambda: device.report.trust == 2 and device.report.phase is Phase.SETTLED, "settled on the new link")
    device.subject.idle(2)
    device.subject.answer_at(device.subject.address, False)  # the old one is closed for good
    device.restart()
    release = device.publish("1.0", 1)
    device.fleet.direct(release)
    device.settle_on(release)


@needs(Able.NETWORK)
def test_from_an_address_that_does_not_answer_the_device_comes_back(device: Watched) -> None:
    release = device.publish("1.0", 1)
    device.fleet.direct(release)
    device.settle_on(release)
    device.fleet.trust(link=link_at(device.subject.other_address))
    device.until(
        lambda: device.report.result is not None and device.report.result.code is Cause.CUT_OFF,
        "it is back and says so",
        within_seconds=2 * device.subject.reach_seconds + 60,
    )
    assert device.report.result is not None
    assert device.report.result.outcome is Outcome.INCONCLUSIVE  # the first time
    assert device.runs(1)


@needs(Able.NETWORK)
def test_an_address_given_up_twice_has_failed_and_is_left_alone(device: Watched) -> None:
    release = device.publish("1.0", 1)
    device.fleet.direct(release)
    device.settle_on(release)
    device.fleet.trust(link=link_at(device.subject.other_address))
    device.until(
        lambda: (
            device.report.result is not None
            and (device.report.result.outcome, device.report.result.code) == (Outcome.FAILED, Cause.CUT_OFF)
        ),
        "failed: cut_off",
        within_seconds=5 * device.subject.reach_seconds + 120,
    )
    device.until(lambda: device.report.phase is Phase.SETTLED, "settled on the old link")
    after = device.publish("1.1", 2)
    device.fleet.direct(after)
    device.settle_on(after)


@needs(Able.NETWORK)
def test_a_fleet_that_cannot_be_reached_either_way_is_inconclusive_and_found_again(device: Watched) -> None:
    """A broker that restarts in the middle of a wave must not make a whole fleet give a link up for good."""
    there = device.subject.other_address
    device.subject.answer_at(there, True)
    device.fleet.trust(link=link_at(there))
    device.until(lambda: "trust/2" in device.subject.durable(), "it has the document")
    device.subject.answer_at(there, False)
    device.subject.answer_at(device.subject.address, False)
    device.subject.idle(2.5 * device.subject.reach_seconds)
    device.subject.answer_at(there, True)
    device.until(
        lambda: device.report.trust == 2 and device.report.phase is Phase.SETTLED,
        "it found the new address",
        within_seconds=5 * device.subject.reach_seconds + 120,
    )


def test_a_change_of_config_alone_never_drops_the_link(device: Watched) -> None:
    conn = device.report.conn
    release = device.publish("1.0", 1)
    device.fleet.direct(release)
    device.settle_on(release)
    assert device.report.conn == conn

"""Rule 2: per channel only a higher generation counts; the same again is nothing; two with one generation are a lie."""

from __future__ import annotations

from msgspec.structs import replace

from conformance.subject import Able, needs
from conformance.watched import Watched
from pyvorin_edge import envelope, topics
from pyvorin_edge.vocabulary import Refusal


def test_the_same_directive_again_changes_nothing(device: Watched) -> None:
    release = device.publish("1.0", 1)
    sealed = device.fleet.direct(release)
    device.settle_on(release)
    before = device.subject.durable()
    device.fleet.carrier.publish(topics.channel("stable"), sealed, retain=True)
    device.subject.idle(3)
    assert device.subject.durable() == before


def test_a_refresh_starts_nothing(device: Watched) -> None:
    release = device.publish("1.0", 1)
    device.fleet.direct(release)
    device.settle_on(release)
    result, before = device.report.result, device.subject.durable()
    device.fleet.refresh()
    device.until(lambda: device.subject.durable() != before, "the new generation is durable")
    device.subject.idle(3)
    report = device.ask_for_report()
    assert (report.generation, report.result) == (device.fleet.generation, result)
    changed = {name for name, data in device.subject.durable().items() if before.get(name) != data}
    assert changed == {"desired-directive", "state"}


def test_a_lower_generation_is_ignored(device: Watched) -> None:
    old, new = device.publish("1.0", 1), device.publish("1.1", 2)
    sealed = device.fleet.direct(old)
    device.settle_on(old)
    device.fleet.direct(new)
    device.settle_on(new)
    before = device.subject.durable()
    device.fleet.carrier.publish(topics.channel("stable"), sealed, retain=True)
    device.subject.idle(3)
    assert device.subject.durable() == before
    assert device.settled_on(new)


def test_another_order_of_the_same_generation_is_an_equivocation(device: Watched) -> None:
    first, other = device.publish("1.0", 1), device.publish("6.6", 66)
    device.fleet.direct(first)
    device.settle_on(first)
    assert device.fleet.directive is not None
    device.fleet.send(replace(device.fleet.directive, rules=(device.fleet.rule(other),)))
    device.until(
        lambda: device.report.refused is not None and device.report.refused.code is Refusal.EQUIVOCATION,
        "equivocation is reported",
    )
    assert device.settled_on(first)


@needs(Able.NETWORK)
def test_enrolment_sets_only_a_bound_lower_is_ignored_and_equal_is_taken(pair: object, fleet: object) -> None:
    device = _fresh(pair, fleet, generation=150)
    low, at_bound = device.publish("1.0", 1), device.publish("1.1", 2)
    device.fleet.direct(low)  # generation 101
    device.subject.idle(3)
    assert device.report.running.release is None
    device.fleet.generation = 149
    device.fleet.direct(at_bound)
    device.settle_on(at_bound)


def test_a_new_epoch_forgets_generations_however_high(device: Watched) -> None:
    """A stolen key that signed an enormous generation must not deafen the fleet."""
    stolen, after = device.publish("1.0", 1), device.publish("1.1", 2)
    device.fleet.send(device.fleet.order(device.fleet.rule(stolen), generation=2**62))
    device.settle_on(stolen)
    device.fleet.trust(epoch=2)
    device.fleet.number = 0
    device.fleet.assign()
    device.fleet.generation = 0
    device.fleet.direct(after)
    device.settle_on(after)
    assert device.report.epoch == 2


def test_a_directive_of_an_earlier_epoch_does_not_meet_min_generation(device: Watched) -> None:
    first = device.publish("1.0", 1)
    device.fleet.direct(first)
    device.settle_on(first)
    device.fleet.trust(epoch=2)
    device.until(lambda: device.report.trust == 2, "the new epoch")
    device.fleet.assign(min_generation=1)
    device.subject.idle(3)
    assert device.ask_for_report().target is None or device.settled_on(first)
    assert device.runs(1)


@needs(Able.NETWORK)
def test_a_directive_in_force_before_is_put_in_force_again(device: Watched) -> None:
    """Moved away and back, while nothing new was said on the channel meanwhile."""
    mine, theirs = device.publish("1.0", 1), device.publish("2.0", 2)
    device.fleet.direct(mine)
    device.settle_on(mine)
    device.fleet.send(device.fleet.order(device.fleet.rule(theirs), channel="beta"))
    device.fleet.assign(channel="beta")
    device.settle_on(theirs)
    device.fleet.assign(channel="stable")
    device.settle_on(mine)


def test_a_lower_numbered_assignment_is_ignored(device: Watched) -> None:
    old = device.fleet.assignment(channel="beta")
    device.fleet.assign(labels={"site": "berlin"})
    device.until(lambda: device.ask_for_report().number == device.fleet.number, "the newer assignment")
    sealed = device.fleet.seal(old, envelope.TYPE_ASSIGNMENT)
    device.fleet.carrier.publish(topics.assignment(device.subject.device_id), sealed, retain=True)
    device.subject.idle(2)
    assert device.ask_for_report().channel == "stable"


def _fresh(pair: object, fleet: object, **bounds: int) -> Watched:
    watched = Watched(pair[0], fleet)  # type: ignore[index,arg-type]
    watched.enrol(**bounds)
    watched.fleet.assign()
    watched.subject.start()
    watched.until(lambda: watched.last is not None, "its first report")
    return watched

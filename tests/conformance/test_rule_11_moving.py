"""Rule 11, and golden: a device keeps what it runs until it holds a good directive of its new channel."""

from __future__ import annotations

from conformance.watched import Watched
from pyvorin_edge.orders import Pin
from pyvorin_edge.vocabulary import RuleKind


def test_a_device_that_moves_keeps_what_it_runs_until_the_new_channel_speaks(device: Watched) -> None:
    mine, theirs = device.publish("1.0", 1), device.publish("2.0", 2)
    device.fleet.direct(mine)
    device.settle_on(mine)
    device.fleet.assign(channel="beta")
    device.until(lambda: device.report.channel == "beta", "it has moved")
    device.subject.idle(2)
    assert device.runs(1)
    device.fleet.send(device.fleet.order(device.fleet.rule(theirs), channel="beta"))
    device.settle_on(theirs)


def test_a_directive_below_min_generation_does_not_count(device: Watched) -> None:
    mine, stale, good = (device.publish(f"{n}.0", n) for n in (1, 2, 3))
    device.fleet.direct(mine)
    device.settle_on(mine)
    device.fleet.send(device.fleet.order(device.fleet.rule(stale), channel="beta", generation=500))
    device.fleet.assign(channel="beta", min_generation=600)
    device.until(lambda: device.report.channel == "beta", "it has moved")
    device.subject.idle(2)
    assert device.runs(1)
    device.fleet.send(device.fleet.order(device.fleet.rule(good), channel="beta", generation=600))
    device.settle_on(good)


def test_a_pin_comes_before_all_rules(device: Watched) -> None:
    rule, pinned = device.publish("1.0", 1), device.publish("2.0", 2)
    device.fleet.direct(rule)
    device.settle_on(rule)
    device.fleet.assign(pin=Pin(release=pinned, attempt=1, kind=RuleKind.RELEASE))
    device.settle_on(pinned)
    device.fleet.assign(pin=None)
    device.settle_on(rule)


def test_labels_of_the_assignment_choose_the_rule(device: Watched) -> None:
    here, everywhere = device.publish("1.0", 1), device.publish("2.0", 2)
    device.fleet.direct(device.fleet.rule(here, where={"site": ("berlin",)}), everywhere)
    device.settle_on(everywhere)
    device.fleet.assign(labels={"site": "berlin"})
    device.settle_on(here)

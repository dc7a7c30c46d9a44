"""What accepting means: the whole envelope durable, bounds and choices as they follow from it (rules 2, 3, 11, 15)."""

from __future__ import annotations

import pytest

from pyv_edge_agent.core import effects as do
from pyv_edge_agent.core import events as ev
from pyv_edge_agent.core.hearing import REFUSALS_MAX, recalled_assignment, recalled_directive
from pyv_edge_agent.core.memory import Heard, Memory
from pyvorin_edge import topics
from pyvorin_edge.vocabulary import Refusal
from running.brain import DEVICE, Bench

ONE, TWO = b"[windows]\ndefault_size = 1\n", b"[windows]\ndefault_size = 2\n"
STABLE = topics.channel("stable")


@pytest.fixture
def bench() -> Bench:
    made = Bench()
    made.connect()
    made.assign()
    return made


def test_the_whole_envelope_is_remembered_and_what_was_heard(bench: Bench) -> None:
    sealed = bench.fleet.direct(bench.release("1.0", ONE))
    bench.feed(ev.Arrived(STABLE, sealed, True))
    heard = bench.memory.state.heard["stable"]
    assert bench.memory.directive == sealed
    assert (heard.epoch, heard.generation) == (1, bench.fleet.generation)
    assert heard.payload_sha256 is not None


def test_a_start_recalls_what_was_in_force(bench: Bench) -> None:
    bench.direct(bench.release("1.0", ONE))
    assert recalled_directive(bench.memory) == bench.device.directive
    assert recalled_assignment(bench.memory) == bench.device.assignment
    assert recalled_directive(Memory(directive=b"not what it was")) is None


def test_min_generation_is_a_bound_and_never_lowers_one(bench: Bench) -> None:
    bench.assign(min_generation=500)
    assert bench.memory.state.heard["stable"] == Heard(epoch=1, generation=500)
    bench.assign(min_generation=400)
    assert bench.memory.state.heard["stable"].generation == 500


def test_the_directive_of_a_channel_left_and_come_back_to_is_in_force_again(bench: Bench) -> None:
    mine = bench.fleet.direct(bench.release("1.0", ONE))
    bench.feed(ev.Arrived(STABLE, mine, True))
    bench.assign(channel="beta")
    theirs = bench.fleet.send(bench.fleet.order(bench.fleet.rule(bench.release("2.0", TWO)), channel="beta"))
    bench.feed(ev.Arrived(topics.channel("beta"), theirs, True))
    assert bench.memory.directive == theirs
    bench.assign(channel="stable")
    bench.feed(ev.Arrived(STABLE, mine, True))
    assert bench.memory.directive == mine


def test_another_channels_directive_is_passed_over(bench: Bench) -> None:
    sealed = bench.fleet.send(bench.fleet.order(bench.fleet.rule(bench.release("2.0", TWO)), channel="beta"))
    bench.feed(ev.Arrived(topics.channel("beta"), sealed, True))
    assert bench.memory.directive is None


def test_the_same_refusal_again_is_remembered_once(bench: Bench) -> None:
    bench.feed(ev.Arrived(STABLE, b"{]", True))
    before = bench.memory
    bench.feed(ev.Arrived(STABLE, b"{]", True), after=5.0)
    assert bench.memory is before
    assert bench.memory.state.refused is not None
    assert bench.memory.state.refused.code is Refusal.ENVELOPE


def test_the_time_bound_is_the_greatest_issued_at(bench: Bench) -> None:
    now = bench.broker.wall_ms
    bench.direct(bench.release("1.0", ONE), issued_at=now + 5000)
    bench.assign(issued_at=now + 1000)
    assert bench.memory.state.time_bound == now + 5000


def test_a_new_epoch_forgets_numbers_bound_and_floor(bench: Bench) -> None:
    bench.settle_on(bench.release("1.0", ONE, security=4, floor=4), ONE)
    assert bench.memory.state.floor == 4
    bench.fleet.trust(epoch=2, floor=1)
    bench.deliver(topics.trust(2))
    state = bench.memory.state
    assert (state.heard, state.heard_assignment, state.time_bound, state.floor) == ({}, None, 0, 1)
    assert bench.memory.directive is not None, "what was accepted stays in force"


def test_trust_documents_are_taken_in_order_alone(bench: Bench) -> None:
    for _ in range(2):
        bench.fleet.trust()
    bench.deliver(topics.trust(3))
    assert bench.device.trust.version == 1
    for version in (2, 3):
        bench.deliver(topics.trust(version))
    assert bench.device.trust.version == 3
    assert bench.memory.trust == tuple(bench.fleet.documents)


def test_an_old_trust_document_again_is_no_news(bench: Bench) -> None:
    before = bench.memory
    bench.feed(ev.Arrived(topics.trust(1), bench.fleet.documents[0], True))
    assert bench.memory is before


def test_what_was_refused_for_its_key_is_asked_for_again_after_new_trust(bench: Bench) -> None:
    from conformance.fleet import other_key

    order = bench.fleet.order(bench.fleet.rule(bench.release("1.0", ONE)))
    bench.feed(ev.Arrived(STABLE, bench.fleet.send(order, other_key(3)), True))
    bench.fleet.trust(directive_key=other_key(3))
    bench.deliver(topics.trust(2))
    assert do.Subscribe((STABLE,)) in bench.last


def test_other_rules_end_a_choice_by_hand_and_a_refresh_does_not(bench: Bench) -> None:
    first, second = bench.release("1.0", ONE), bench.release("1.1", TWO)
    bench.settle_on(first, ONE)
    bench.settle_on(second, TWO)
    bench.feed(ev.RolledBackByHand("1.0"))
    bench.feed(ev.Arrived(STABLE, bench.fleet.refresh(), False))
    assert bench.memory.local is not None
    bench.direct(bench.fleet.rule(second))
    assert bench.memory.local is None


def test_an_assignment_is_taken_by_its_number(bench: Bench) -> None:
    old = bench.fleet.assign(labels={"site": "a"})
    bench.assign(labels={"site": "b"})
    bench.feed(ev.Arrived(topics.assignment(DEVICE), old, True))
    assert bench.device.assignment is not None
    assert bench.device.assignment.labels == {"site": "b"}


def test_who_sends_other_nonsense_each_time_does_not_wear_the_card_out(bench: Bench) -> None:
    remembered = []
    for number in range(3 * REFUSALS_MAX):
        bench.feed(ev.Arrived(STABLE, b'{"%d": 1, "%d": 1}' % (number, number), True))
        remembered.append(bench.memory.state.refused)
    assert 1 < len(set(map(repr, remembered))) <= REFUSALS_MAX
    sealed = bench.fleet.direct(bench.release("1.0", ONE))
    bench.feed(ev.Arrived(STABLE, sealed, True))
    assert bench.memory.directive == sealed

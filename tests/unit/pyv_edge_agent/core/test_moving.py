"""What a move leaves behind: good code is established, what failed is thrown away, what is tried again is not."""

from __future__ import annotations

import pytest

from pyv_edge_agent.core import effects as do
from pyv_edge_agent.core import events as ev
from pyv_edge_agent.core import moving
from pyv_edge_agent.core import update as up
from pyv_edge_agent.core.device import Turn
from pyvorin_edge.vocabulary import Cause, Outcome, Phase
from running.brain import Bench

ONE, TWO = b"[windows]\ndefault_size = 1\n", b"[windows]\ndefault_size = 2\n"


@pytest.fixture
def bench() -> Bench:
    made = Bench()
    made.connect()
    made.assign()
    return made


def test_a_move_that_the_table_does_not_know_here_is_none(bench: Bench) -> None:
    turn = Turn(bench.device, ev.Now(0, True, 0.0))
    assert not moving.move(turn, up.Proved())
    assert turn.effects == []


def test_what_is_committed_is_established_for_the_launcher(bench: Bench) -> None:
    release = bench.release("1.0", ONE)
    bench.settle_on(release, ONE)
    assert [one.installed.release for one in bench.did(do.Establish)] == [release]
    assert bench.did(do.Prune)


def test_at_rest_each_start_establishes_what_is_committed(bench: Bench) -> None:
    bench.boot(bench.memory)
    assert [one.installed for one in bench.did(do.Establish)] == [bench.memory.committed]


@pytest.mark.parametrize(("outcome", "thrown_away"), [(Outcome.FAILED, True), (Outcome.INCONCLUSIVE, False)])
def test_what_will_be_tried_again_stays_in_the_store(bench: Bench, outcome: Outcome, thrown_away: bool) -> None:
    bench.settle_on(bench.release("1.0", ONE), ONE)
    bad = bench.release("2.0", TWO)
    bench.direct(bad)
    bench.install(bad, TWO)
    turn = Turn(bench.device, ev.Now(0, True, bench.up))
    moving.move(turn, up.GaveUp(outcome, Cause.GATE, "why"))
    bench.device = turn.device
    bench.feed(ev.Switched(effective_hash=None))
    assert bench.memory.trial is None or bench.memory.trial.phase is not Phase.REVERTING
    assert bool(bench.did(do.Prune)) is thrown_away


def test_rejecting_says_what_it_was_judged_by(bench: Bench) -> None:
    bench.direct(bench.release("1.0", ONE))
    turn = Turn(bench.device, ev.Now(0, True, bench.up))
    moving.reject(turn, Cause.INVALID, "why")
    assert turn.memory.quarantine[0].judged_by.startswith("trust ")

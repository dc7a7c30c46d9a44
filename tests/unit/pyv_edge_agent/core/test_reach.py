"""A link on trial: kept when a report was acknowledged through it, else given up and judged (rule 7)."""

from __future__ import annotations

import pytest

from pyv_edge_agent.core import effects as do
from pyv_edge_agent.core import events as ev
from pyv_edge_agent.core.brain import due_at
from pyv_edge_agent.core.device import Limits
from pyv_edge_agent.core.reach import link_in_use
from pyvorin_edge import topics
from pyvorin_edge.trust import Link
from pyvorin_edge.vocabulary import Cause, Outcome, Phase
from running.brain import HOME, Bench

AWAY = Link(mqtt=("there.example:8883",))


@pytest.fixture
def bench() -> Bench:
    made = Bench(Limits(reach_seconds=600))
    made.connect()
    made.assign()
    return made


def move(bench: Bench, link: Link = AWAY) -> None:
    bench.fleet.trust(link=link)
    bench.deliver(topics.trust(len(bench.fleet.documents)))


def until_it_uses(bench: Bench, candidate: bool) -> do.UseLink:
    """Time passes as the device asks for it."""
    for _ in range(100):
        bench.feed(ev.Ticked(), after=max(0.0, due_at(bench.device) - bench.up))
        for used in bench.did(do.UseLink):
            if used.candidate is candidate:
                return used
    raise AssertionError("it never used it")


def result(bench: Bench) -> tuple[Outcome, Cause | None]:
    found = bench.memory.state.result
    assert found is not None
    return found.outcome, found.code


def test_the_link_of_enrolment_is_no_trial(bench: Bench) -> None:
    move(bench, HOME)
    assert bench.memory.state.link_trial is None
    assert not bench.did(do.UseLink)


def test_a_new_link_is_tried_with_the_old_one_kept(bench: Bench) -> None:
    move(bench)
    assert do.UseLink(AWAY, candidate=True) in bench.last
    assert bench.memory.state.link_trial is not None
    assert link_in_use(bench.device) == HOME


def test_out_of_session_it_is_not_begun(bench: Bench) -> None:
    bench.feed(ev.Disconnected())
    move(bench)
    assert bench.memory.state.link_trial is None
    bench.connect()
    assert bench.did(do.UseLink)


def test_a_restart_does_not_begin_its_time_anew(bench: Bench) -> None:
    move(bench)
    bench.feed(ev.Disconnected())
    for _ in range(40):
        bench.feed(ev.Ticked(), after=10.0)
    bench.boot(bench.memory)
    until_it_uses(bench, candidate=False)
    assert 200.0 <= bench.up <= 230.0, "400 s of 600 were spent before it"


def test_an_acknowledged_report_keeps_it(bench: Bench) -> None:
    move(bench)
    bench.feed(ev.Disconnected())
    bench.feed(ev.Connected(candidate=True))
    assert bench.memory.state.link is None
    bench.feed(ev.Acknowledged(bench.device.seq))
    assert (bench.memory.state.link, bench.memory.state.link_trial) == (AWAY, None)


def test_a_session_without_an_acknowledgement_is_not_enough(bench: Bench) -> None:
    move(bench)
    bench.feed(ev.Disconnected())
    bench.feed(ev.Connected(candidate=True))
    assert until_it_uses(bench, candidate=False).link is None
    assert bench.up >= 600


def test_given_up_and_reached_by_the_old_one_is_inconclusive_once_and_then_cut_off(bench: Bench) -> None:
    move(bench)
    outcomes = []
    for _ in range(2):
        bench.feed(ev.Disconnected())
        until_it_uses(bench, candidate=False)
        bench.connect()
        bench.feed(ev.Acknowledged(bench.device.seq))
        outcomes.append(result(bench))
        if len(outcomes) == 1:
            until_it_uses(bench, candidate=True)
    assert outcomes == [(Outcome.INCONCLUSIVE, Cause.CUT_OFF), (Outcome.FAILED, Cause.CUT_OFF)]
    assert bench.memory.state.link_trial is not None
    assert bench.memory.state.link_trial.ended


def test_reached_by_neither_is_inconclusive_and_tried_on(bench: Bench) -> None:
    move(bench)
    bench.feed(ev.Disconnected())
    until_it_uses(bench, candidate=False)
    until_it_uses(bench, candidate=True)
    assert result(bench) == (Outcome.INCONCLUSIVE, Cause.UNREACHED)


def test_a_link_that_was_given_up_is_not_tried_again_and_another_is(bench: Bench) -> None:
    test_given_up_and_reached_by_the_old_one_is_inconclusive_once_and_then_cut_off(bench)
    for _ in range(20):
        bench.feed(ev.Ticked(), after=600.0)
        assert not bench.did(do.UseLink)
    move(bench, Link(mqtt=("elsewhere.example:8883",)))
    assert bench.did(do.UseLink)


def test_a_restart_goes_on_with_the_trial_and_its_tries(bench: Bench) -> None:
    move(bench)
    bench.feed(ev.Disconnected())
    until_it_uses(bench, candidate=False)
    bench.boot(bench.memory)
    assert do.UseLink(None, candidate=False) in bench.last
    assert bench.memory.state.link_trial is not None
    assert bench.memory.state.link_trial.tries == 1


def test_a_restart_uses_the_link_that_proved_itself(bench: Bench) -> None:
    test_an_acknowledged_report_keeps_it(bench)
    bench.boot(bench.memory)
    assert do.UseLink(AWAY, candidate=False) in bench.last


def test_it_says_that_it_tries(bench: Bench) -> None:
    move(bench)
    assert bench.reports()[-1].phase is Phase.PROVING


def test_a_change_of_config_alone_drops_no_link(bench: Bench) -> None:
    digest = bench.release("1.0")
    bench.direct(digest)
    bench.install(digest)
    bench.prove()
    assert bench.memory.state.link_trial is None

"""The update at work: preemption, retries, going back, and what a store that fails may not spoil (rules 4 to 6)."""

from __future__ import annotations

import pytest

from conformance.fleet import other_key
from pyv_edge_agent.core import effects as do
from pyv_edge_agent.core import events as ev
from pyv_edge_agent.core.device import Limits
from pyvorin_edge import envelope, topics
from pyvorin_edge.identity import digest_of
from pyvorin_edge.vocabulary import Cause, Outcome, Phase, RuleKind, WaitingFor
from running.brain import HEALTHY, Bench

ONE, TWO = b"[windows]\ndefault_size = 1\n", b"[windows]\ndefault_size = 2\n"


@pytest.fixture
def bench() -> Bench:
    made = Bench(Limits(http_fetch_seconds=60, fetch_seconds=600))
    made.connect()
    made.assign()
    return made


def phase(bench: Bench) -> Phase:
    return bench.memory.trial.phase if bench.memory.trial is not None else Phase.SETTLED


def result(bench: Bench) -> tuple[Outcome, Cause | None]:
    found = bench.memory.state.result
    assert found is not None
    return found.outcome, found.code


def test_what_the_store_holds_is_not_fetched(bench: Bench) -> None:
    digest = bench.release("1.0", ONE)
    bench.direct(digest)
    assert bench.did(do.Look) == [do.Look(release=digest)]
    bench.feed(ev.Looked(release=digest, data=bench.broker.retained[topics.release(digest)]))
    assert not bench.did(do.Subscribe)
    assert bench.did(do.Look) == [do.Look(blob=digest_of(ONE))]


def test_what_it_lacks_is_subscribed_to_only_while_it_lacks_it(bench: Bench) -> None:
    digest = bench.release("1.0", ONE)
    bench.direct(digest)
    bench.feed(ev.Looked(release=digest, data=None))
    assert bench.did(do.Subscribe) == [do.Subscribe((topics.release(digest),))]
    bench.deliver(topics.release(digest))
    assert do.Unsubscribe((topics.release(digest),)) in bench.last
    bench.feed(ev.Looked(blob=digest_of(ONE), data=None))
    assert bench.did(do.Subscribe) == [do.Subscribe((topics.blob(digest_of(ONE)),))]


def test_fetching_turns_to_http_and_then_fails(bench: Bench) -> None:
    digest = bench.release("1.0", ONE)
    bench.direct(digest)
    bench.feed(ev.Looked(release=digest, data=None))
    bench.feed(ev.Ticked(), after=59.0)
    assert not bench.did(do.FetchOverHttp)
    bench.feed(ev.Ticked(), after=1.0)
    assert bench.did(do.FetchOverHttp) == [do.FetchOverHttp(topics.release(digest))]
    bench.feed(ev.FetchedOverHttp(topic=topics.release(digest), data=None))
    bench.feed(ev.Ticked(), after=540.0)
    assert result(bench) == (Outcome.FAILED, Cause.FETCH)


def test_what_comes_over_http_counts_like_any_other(bench: Bench) -> None:
    digest = bench.release("1.0", ONE)
    bench.direct(digest)
    bench.feed(ev.Looked(release=digest, data=None))
    bench.feed(ev.Ticked(), after=60.0)
    bench.feed(ev.FetchedOverHttp(topic=topics.release(digest), data=bench.broker.retained[topics.release(digest)]))
    bench.feed(ev.Looked(blob=digest_of(ONE), data=None))
    assert bench.did(do.FetchOverHttp) == [do.FetchOverHttp(topics.blob(digest_of(ONE)))]
    bench.feed(ev.FetchedOverHttp(topic=topics.blob(digest_of(ONE)), data=ONE))
    assert phase(bench) is Phase.STAGING


def test_a_failed_fetch_is_tried_again_after_1_2_and_4_minutes(bench: Bench) -> None:
    bench.direct(bench.release("1.0", ONE, publish=False))
    for minutes in (1, 2, 4):
        bench.feed(ev.Ticked(), after=600.0)
        assert phase(bench) is Phase.SETTLED
        bench.feed(ev.Ticked(), after=minutes * 60 - 1.0)
        assert phase(bench) is Phase.SETTLED
        bench.feed(ev.Ticked(), after=1.0)
        assert phase(bench) is Phase.FETCHING, minutes


def test_a_higher_attempt_does_not_wait_and_its_own_failure_does(bench: Bench) -> None:
    digest = bench.release("1.0", ONE, publish=False)
    bench.direct(digest)
    bench.feed(ev.Ticked(), after=600.0)
    assert phase(bench) is Phase.SETTLED
    bench.direct(bench.fleet.rule(digest))
    assert phase(bench) is Phase.FETCHING
    bench.feed(ev.Ticked(), after=600.0)
    assert phase(bench) is Phase.SETTLED


def test_an_envelope_in_the_store_that_does_not_verify_is_asked_of_the_network(bench: Bench) -> None:
    digest = bench.release("1.0", ONE)
    honest = bench.broker.retained[topics.release(digest)]
    payload = envelope.open_envelope(honest).payload
    bench.direct(digest)
    bench.feed(ev.Looked(release=digest, data=envelope.seal(payload, envelope.TYPE_RELEASE, [other_key(7)])))
    assert phase(bench) is Phase.FETCHING
    assert bench.memory.state.refused is None
    bench.feed(ev.Arrived(topics.release(digest), honest, True))
    assert bench.device.release is not None


def test_one_from_the_network_fails_before_the_switch_and_new_trust_tries_it_at_once(bench: Bench) -> None:
    key = other_key(7)
    digest = bench.release("1.0", ONE)
    payload = envelope.open_envelope(bench.broker.retained[topics.release(digest)]).payload
    bench.direct(digest)
    bench.feed(ev.Looked(release=digest, data=None))
    bench.feed(ev.Arrived(topics.release(digest), envelope.seal(payload, envelope.TYPE_RELEASE, [key]), True))
    assert result(bench) == (Outcome.FAILED, Cause.SIGNATURE)
    bench.fleet.trust(release_key=key)
    bench.deliver(topics.trust(2))
    assert phase(bench) is Phase.FETCHING


def test_new_trust_while_fetching_looks_at_the_release_anew(bench: Bench) -> None:
    digest = bench.release("1.0", ONE)
    bench.direct(digest)
    bench.feed(ev.Looked(release=digest, data=bench.broker.retained[topics.release(digest)]))
    assert bench.device.release is not None
    bench.fleet.trust(release_key=other_key(7))
    bench.deliver(topics.trust(2))
    assert bench.device.release is None
    assert do.Look(release=digest) in bench.last


@pytest.mark.parametrize("events", [0, 1, 2])
def test_a_newer_target_drops_what_has_changed_nothing_yet(bench: Bench, events: int) -> None:
    old, new = bench.release("1.0", ONE), bench.release("1.1", TWO)
    bench.direct(old)
    for event in (
        ev.Looked(release=old, data=bench.broker.retained[topics.release(old)]),
        ev.Looked(blob=digest_of(ONE), data=ONE),
    )[:events]:
        bench.feed(event)
    bench.direct(new)
    assert bench.memory.trial is not None
    assert (bench.memory.trial.target.release, phase(bench)) == (new, Phase.FETCHING)
    assert not bench.did(do.Switch)
    assert result(bench) == (Outcome.SUPERSEDED, None)


def test_golden_unknown_drops_what_has_changed_nothing_yet_and_lets_a_proof_go_on(bench: Bench) -> None:
    old = bench.release("1.0", ONE)
    bench.direct(old)
    bench.assign(channel="beta")
    assert phase(bench) is Phase.SETTLED
    bench.assign(channel="stable")
    bench.install(old, ONE)
    bench.assign(channel="beta")
    assert phase(bench) is Phase.PROVING
    bench.prove()
    assert result(bench) == (Outcome.COMMITTED, None)


def test_a_newer_target_while_switching_waits_for_the_switch_and_goes_back_first(bench: Bench) -> None:
    old, new = bench.release("1.0", ONE), bench.release("1.1", TWO)
    bench.direct(old)
    bench.feed(ev.Looked(release=old, data=bench.broker.retained[topics.release(old)]))
    bench.feed(ev.Looked(blob=digest_of(ONE), data=ONE))
    bench.feed(ev.Staged())
    bench.direct(new)
    assert phase(bench) is Phase.SWITCHING
    bench.feed(ev.Switched(effective_hash=None))
    assert phase(bench) is Phase.REVERTING
    committed = bench.memory.committed
    assert committed is not None
    assert bench.did(do.Switch) == [do.Switch(committed, good=committed)]
    bench.feed(ev.Switched(effective_hash=None))
    assert bench.memory.trial is not None
    assert bench.memory.trial.target.release == new


def test_back_to_committed_while_proving_is_done_when_it_is_back(bench: Bench) -> None:
    old, new = bench.release("1.0", ONE), bench.release("1.1", TWO)
    bench.settle_on(old, ONE)
    bench.direct(new)
    bench.install(new, TWO)
    bench.direct(bench.fleet.rule(old, kind=RuleKind.ROLLBACK))
    bench.feed(ev.Switched(effective_hash=None))
    assert phase(bench) is Phase.SETTLED
    assert bench.memory.quarantine == ()


def test_an_order_while_reverting_waits_until_it_is_back(bench: Bench) -> None:
    old, new = bench.release("1.0", ONE), bench.release("1.1", TWO)
    bench.direct(old)
    bench.install(old, ONE)
    bench.feed(ev.HealthSeen({"status": "unhealthy"}), after=6.0)
    assert phase(bench) is Phase.REVERTING
    bench.direct(new)
    assert phase(bench) is Phase.REVERTING
    bench.feed(ev.Switched(effective_hash=None))
    assert bench.memory.trial is not None
    assert bench.memory.trial.target.release == new
    assert bench.memory.quarantine[0].release == old


def test_going_back_is_tried_again_ever_later_and_reported(bench: Bench) -> None:
    bad = bench.release("1.0", ONE)
    bench.direct(bad)
    bench.install(bad, ONE)
    bench.feed(ev.HealthSeen({"status": "unhealthy"}), after=6.0)
    waits = []
    for _ in range(4):
        began = bench.up
        bench.feed(ev.SwitchFailed(code=Cause.DISK, detail="read-only"))
        while not bench.did(do.Switch):
            bench.feed(ev.Ticked(), after=1.0)
        waits.append(bench.up - began)
    assert waits == [5, 10, 20, 40]
    found = bench.memory.state.result
    assert found is not None
    assert "going back failed: read-only" in found.detail
    bench.feed(ev.Switched(effective_hash=None))
    assert result(bench) == (Outcome.FAILED, Cause.GATE)


def test_while_it_is_stuck_it_says_what_it_waits_for(bench: Bench) -> None:
    bad = bench.release("1.0", ONE)
    bench.direct(bad)
    bench.install(bad, ONE)
    bench.feed(ev.HealthSeen({"status": "unhealthy"}), after=6.0)
    bench.feed(ev.SwitchFailed(code=Cause.DISK, detail="read-only"))
    report = bench.reports()[-1]
    assert (report.phase, report.waiting_for) == (Phase.REVERTING, WaitingFor.RETRY)


def test_a_switch_that_fails_goes_back(bench: Bench) -> None:
    digest = bench.release("1.0", ONE)
    bench.direct(digest)
    bench.feed(ev.Looked(release=digest, data=bench.broker.retained[topics.release(digest)]))
    bench.feed(ev.Looked(blob=digest_of(ONE), data=ONE))
    bench.feed(ev.Staged())
    bench.feed(ev.SwitchFailed(code=Cause.SWITCH, detail="port taken"))
    assert phase(bench) is Phase.REVERTING


@pytest.mark.parametrize(("code", "outcome"), [(Cause.INVALID, Outcome.REJECTED), (Cause.DISK, Outcome.FAILED)])
def test_what_cannot_be_staged_never_switches(bench: Bench, code: Cause, outcome: Outcome) -> None:
    digest = bench.release("1.0", ONE)
    bench.direct(digest)
    bench.feed(ev.Looked(release=digest, data=bench.broker.retained[topics.release(digest)]))
    bench.feed(ev.Looked(blob=digest_of(ONE), data=ONE))
    bench.feed(ev.StageFailed(code=code, detail="no"))
    assert result(bench) == (outcome, code)
    assert phase(bench) is Phase.SETTLED


def test_a_store_that_fails_at_something_else_undoes_no_release(bench: Bench) -> None:
    digest = bench.release("1.0", ONE)
    bench.direct(digest)
    bench.install(digest, ONE)
    bench.feed(ev.StageFailed(code=Cause.DISK, detail="a look failed"))
    assert phase(bench) is Phase.PROVING


def test_what_is_kept_is_pruned_at_commit_alone(bench: Bench) -> None:
    first, second = bench.release("1.0", ONE), bench.release("1.1", TWO)
    bench.direct(first)
    bench.direct(second)
    assert not bench.did(do.Prune)
    bench.install(second, TWO)
    bench.feed(ev.HealthSeen(HEALTHY))
    bench.feed(ev.HealthSeen(HEALTHY), after=1.0)
    (prune,) = bench.did(do.Prune)
    assert prune.releases == {second}
    assert digest_of(TWO) in prune.blobs


def test_the_same_rules_again_start_nothing(bench: Bench) -> None:
    bench.settle_on(bench.release("1.0", ONE), ONE)
    bench.feed(ev.Arrived(topics.channel("stable"), bench.fleet.refresh(), False))
    assert phase(bench) is Phase.SETTLED
    assert not bench.did(do.Look)

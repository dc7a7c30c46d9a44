"""The update lock: it holds up what lies ready, and neither a download nor a rollback."""

from __future__ import annotations

import pytest

from pyv_edge_agent.core import effects as do
from pyv_edge_agent.core import events as ev
from pyvorin_edge.orders import Grant
from pyvorin_edge.vocabulary import Phase, RuleKind, WaitingFor
from running.brain import Bench, guarded_bench, lay_ready

HELD = ev.LockSeen(holder="vi (pid 7)")
FREE = ev.LockSeen(holder=None, ours=True)
NEW = b"[windows]\ndefault_size = 2\n"


@pytest.fixture
def bench() -> Bench:
    return guarded_bench()


def phase(bench: Bench) -> Phase:
    assert bench.memory.trial is not None
    return bench.memory.trial.phase


def test_while_it_is_held_what_lies_ready_waits_and_says_for_whom(bench: Bench) -> None:
    lay_ready(bench, bench.release("1.0", NEW), NEW)
    assert bench.did(do.LookAtLock) == [do.LookAtLock(take=True)]
    bench.feed(HELD)
    assert (phase(bench), bench.device.waiting_for) == (Phase.STAGING, WaitingFor.LOCK)
    assert bench.device.lock.holder == "vi (pid 7)"


def test_it_is_looked_at_again_and_the_update_goes_on_when_it_is_free(bench: Bench) -> None:
    lay_ready(bench, bench.release("1.0", NEW), NEW)
    bench.feed(HELD)
    bench.feed(ev.Ticked(), after=2.0)
    assert bench.did(do.LookAtLock)
    bench.feed(FREE)
    bench.feed(ev.HooksEnded(number=bench.device.hooks.number))
    assert phase(bench) is Phase.SWITCHING


def test_it_is_ours_until_the_switch_is_over(bench: Bench) -> None:
    lay_ready(bench, bench.release("1.0", NEW), NEW)
    bench.feed(FREE)
    bench.feed(ev.HooksEnded(number=bench.device.hooks.number))
    assert not bench.did(do.FreeLock)
    bench.feed(ev.Switched(effective_hash="e" * 64))
    assert bench.did(do.FreeLock)


def test_a_newer_order_gives_it_back(bench: Bench) -> None:
    lay_ready(bench, bench.release("1.0", NEW), NEW)
    bench.feed(FREE)
    bench.direct(bench.release("1.1", NEW))
    assert bench.did(do.FreeLock)


def test_a_rollback_does_not_ask_for_it(bench: Bench) -> None:
    rule = bench.fleet.rule(bench.release("1.0", NEW), kind=RuleKind.ROLLBACK)
    lay_ready(bench, rule, NEW)
    assert not bench.did(do.LookAtLock)
    bench.feed(ev.HooksEnded(number=bench.device.hooks.number))
    assert phase(bench) is Phase.SWITCHING


def test_a_rollback_is_not_held_up_by_it_while_the_release_waits(bench: Bench) -> None:
    digest = bench.release("1.0", NEW)
    lay_ready(bench, digest, NEW)
    bench.feed(HELD)
    bench.direct(bench.fleet.rule(digest, kind=RuleKind.ROLLBACK))
    bench.feed(ev.HooksEnded(number=bench.device.hooks.number))
    assert phase(bench) is Phase.SWITCHING


def test_a_person_lets_one_update_pass_and_no_later_one(bench: Bench) -> None:
    lay_ready(bench, bench.release("1.0", NEW), NEW)
    bench.feed(HELD)
    bench.feed(ev.LockPassedByHand())
    bench.feed(ev.HooksEnded(number=bench.device.hooks.number))
    assert phase(bench) is Phase.SWITCHING
    bench.feed(ev.SwitchFailed(code="disk", detail="x"))  # type: ignore[arg-type]
    bench.feed(ev.Switched(effective_hash="e" * 64))
    assert not bench.device.lock.passed


def test_a_lock_is_honoured_only_so_long_if_the_config_says_so(bench: Bench) -> None:
    lay_ready(bench, bench.release("1.0", NEW), NEW)
    bench.feed(ev.LockSeen(holder="stuck", most_seconds=60.0))
    bench.feed(ev.LockSeen(holder="stuck", most_seconds=60.0), after=59.0)
    assert phase(bench) is Phase.STAGING
    bench.feed(ev.LockSeen(holder="stuck", most_seconds=60.0), after=1.0)
    bench.feed(ev.HooksEnded(number=bench.device.hooks.number))
    assert phase(bench) is Phase.SWITCHING


def test_no_turn_is_asked_for_while_it_is_held(bench: Bench) -> None:
    rule = bench.fleet.rule(bench.release("1.0", NEW), turn=True)
    bench.direct(rule, crit=("turn",))
    assert bench.did(do.LookAtLock) == [do.LookAtLock(take=False)]
    bench.feed(HELD)
    assert (phase(bench), bench.device.waiting_for) == (Phase.WAITING, WaitingFor.LOCK)
    bench.feed(ev.LockSeen(holder=None), after=30.0)
    assert bench.device.waiting_for is WaitingFor.TURN
    bench.assign(turn=Grant(release=rule.release, attempt=rule.attempt))
    assert phase(bench) is Phase.FETCHING


def test_an_answer_that_comes_too_late_gives_it_back(bench: Bench) -> None:
    bench.feed(FREE)
    assert bench.did(do.FreeLock)

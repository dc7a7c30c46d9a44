"""Hooks before a change may forbid it, those after it are part of its proof; none stops the way back."""

from __future__ import annotations

import pytest

from pyv_edge_agent.core import effects as do
from pyv_edge_agent.core import events as ev
from pyvorin_edge.orders import Rule, Window, WindowSpan
from pyvorin_edge.vocabulary import Cause, HookMoment, HookReason, Outcome, Phase, RuleKind, WaitingFor, Weekday
from running.brain import Bench, guarded_bench, lay_ready

SATURDAY = WindowSpan(days=(Weekday.SAT,), from_="03:00", to="03:01")  # the bench starts on a Friday
NEW = b"[windows]\ndefault_size = 2\n"


@pytest.fixture
def bench() -> Bench:
    return guarded_bench()


def phase(bench: Bench) -> Phase:
    return Phase.SETTLED if bench.memory.trial is None else bench.memory.trial.phase


def to_hooks_before(bench: Bench, kind: RuleKind = RuleKind.RELEASE) -> Rule:
    rule = bench.fleet.rule(bench.release("1.0", NEW), kind=kind)
    lay_ready(bench, rule, NEW)
    if kind is RuleKind.RELEASE:
        bench.feed(ev.LockSeen(holder=None, ours=True))
    return rule


def to_hooks_after(bench: Bench, kind: RuleKind = RuleKind.RELEASE) -> None:
    to_hooks_before(bench, kind)
    end(bench)
    bench.feed(ev.Switched(effective_hash="e" * 64))


def end(bench: Bench, failed: str | None = None, *, again: bool = False, after: float = 0.0) -> None:
    bench.feed(ev.HooksEnded(number=bench.device.hooks.number, failed=failed, again=again), after=after)


def test_they_run_before_the_switch_and_know_what_it_changes(bench: Bench) -> None:
    rule = to_hooks_before(bench)
    (run,) = bench.did(do.RunHooks)
    assert (run.moment, run.reason) == (HookMoment.BEFORE, HookReason.UPDATE)
    assert (run.installed.release, run.was) == (rule.release, bench.memory.committed)
    assert not bench.did(do.Switch)
    end(bench)
    assert bench.did(do.Switch)


def test_one_that_fails_before_the_switch_fails_the_update_and_nothing_changed(bench: Bench) -> None:
    to_hooks_before(bench)
    end(bench, "hook drain (before) ended with status 1")
    result = bench.memory.state.result
    assert phase(bench) is Phase.SETTLED
    assert result is not None
    assert (result.outcome, result.code) == (Outcome.FAILED, Cause.HOOK)
    assert not bench.memory.quarantine[0].switched


def test_one_that_asks_for_it_is_run_again_and_not_for_ever(bench: Bench) -> None:
    to_hooks_before(bench)
    for tries in range(5):
        end(bench, "busy", again=True)
        assert (phase(bench), bench.device.waiting_for) == (Phase.STAGING, WaitingFor.RETRY)
        bench.feed(ev.Ticked(), after=30.0 * 2**tries)
        bench.feed(ev.LockSeen(holder=None, ours=True))
        assert bench.did(do.RunHooks)
    end(bench, "busy", again=True)
    assert phase(bench) is Phase.SETTLED


def test_while_it_is_put_off_applications_may_hold_the_lock(bench: Bench) -> None:
    to_hooks_before(bench)
    end(bench, "busy", again=True)
    assert bench.did(do.FreeLock)
    bench.feed(ev.Ticked(), after=29.0)
    assert not bench.did(do.LookAtLock)


def test_a_rollback_does_not_wait_for_one_that_asked_for_time(bench: Bench) -> None:
    rule = to_hooks_before(bench)
    end(bench, "busy", again=True)
    bench.direct(bench.fleet.rule(rule.release, kind=RuleKind.ROLLBACK))
    assert bench.did(do.RunHooks)


def test_what_has_begun_with_its_first_hook_goes_on_when_its_window_closes(bench: Bench) -> None:
    rule = to_hooks_before(bench)
    bench.direct(rule, window=Window(activate=SATURDAY))
    end(bench)
    assert phase(bench) is Phase.SWITCHING


def test_hooks_after_it_hear_of_a_change_that_was_given_up_before_it_was_made(bench: Bench) -> None:
    rule = to_hooks_before(bench)
    end(bench, "hook drain (before) ended with status 1")
    (run,) = bench.did(do.RunHooks)
    assert (run.moment, run.reason, run.installed) == (HookMoment.AFTER, HookReason.REVERT, bench.memory.committed)
    assert run.was is not None
    assert run.was.release == rule.release


def test_they_hear_of_it_after_a_power_cut_too(bench: Bench) -> None:
    rule = to_hooks_before(bench)
    bench.boot(bench.memory)
    assert bench.memory.committed is not None
    bench.direct(bench.memory.committed.release)
    assert phase(bench) is Phase.SETTLED
    (run,) = bench.did(do.RunHooks)
    assert run.was is not None
    assert (run.reason, run.was.release) == (HookReason.REVERT, rule.release)


def test_nobody_hears_of_a_change_that_no_hook_has_seen(bench: Bench) -> None:
    lay_ready(bench, bench.release("1.0", NEW), NEW)
    bench.feed(ev.LockSeen(holder="vi (pid 7)"))
    bench.direct(bench.release("1.1", NEW))
    assert not bench.did(do.RunHooks)


def test_nothing_is_committed_before_those_after_the_switch_ended(bench: Bench) -> None:
    to_hooks_after(bench)
    assert [run.moment for run in bench.did(do.RunHooks)] == [HookMoment.AFTER]
    bench.prove(seconds=3)
    assert phase(bench) is Phase.PROVING
    end(bench)
    assert phase(bench) is Phase.SETTLED
    assert bench.memory.quarantine == ()


def test_one_that_fails_after_the_switch_takes_it_back_and_the_way_back_has_its_hook(bench: Bench) -> None:
    to_hooks_after(bench)
    end(bench, "hook reload (after) ended with status 1")
    assert phase(bench) is Phase.REVERTING
    assert bench.memory.trial is not None
    assert bench.memory.trial.code is Cause.GATE
    bench.feed(ev.Switched(effective_hash="e" * 64))
    (run,) = bench.did(do.RunHooks)
    assert (run.moment, run.reason, run.installed) == (HookMoment.AFTER, HookReason.REVERT, bench.memory.committed)
    end(bench, "it failed on the way back too")
    assert phase(bench) is Phase.SETTLED


def test_no_hook_stops_a_rollback(bench: Bench) -> None:
    to_hooks_before(bench, RuleKind.ROLLBACK)
    end(bench, "no")
    bench.feed(ev.Switched(effective_hash="e" * 64))
    end(bench, "no")
    bench.prove(seconds=3)
    assert phase(bench) is Phase.SETTLED
    assert bench.memory.quarantine == ()


def test_a_newer_order_ends_those_that_run(bench: Bench) -> None:
    to_hooks_before(bench)
    bench.direct(bench.release("1.1", NEW))
    assert bench.did(do.LeaveHooks)


def test_after_a_power_cut_they_are_run_again(bench: Bench) -> None:
    to_hooks_after(bench)
    bench.boot(bench.memory)
    bench.feed(ev.Switched(effective_hash="e" * 64))
    assert [run.moment for run in bench.did(do.RunHooks)] == [HookMoment.AFTER]

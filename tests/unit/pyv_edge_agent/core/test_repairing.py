"""A live file that is written back goes between the same hooks as a change that was ordered."""

from __future__ import annotations

import pytest

from pyv_edge_agent.core import effects as do
from pyv_edge_agent.core import events as ev
from pyvorin_edge.identity import digest_of
from pyvorin_edge.orders import DriftTerms
from pyvorin_edge.vocabulary import DriftPolicy, HookMoment, HookReason
from running.brain import BASE, Bench, guarded_bench

EDITED = b"[windows]\ndefault_size = 9\n"


@pytest.fixture
def bench() -> Bench:
    """A device that heals, and whose file has just been edited."""
    made = guarded_bench()
    assert made.memory.committed is not None
    rule = made.fleet.rule(made.memory.committed.release)
    made.direct(rule, drift=DriftTerms(policy=DriftPolicy.REMEDIATE))
    made.feed(ev.LiveSeen(data=BASE, effective_hash="e" * 64))
    made.feed(ev.LiveSeen(data=EDITED, effective_hash="e" * 64))
    made.feed(ev.Looked(blob=digest_of(BASE), data=BASE))
    return made


def end(bench: Bench, failed: str | None = None) -> None:
    bench.feed(ev.HooksEnded(number=bench.device.hooks.number, failed=failed))


def test_hooks_before_it_know_the_key_paths_and_that_it_is_a_repair(bench: Bench) -> None:
    (run,) = bench.did(do.RunHooks)
    assert (run.moment, run.reason, run.paths) == (HookMoment.BEFORE, HookReason.REPAIR, ("/windows/default_size",))
    assert not bench.did(do.WriteLive)


def test_then_it_is_written_and_hooks_after_it_run(bench: Bench) -> None:
    end(bench)
    assert bench.did(do.WriteLive)
    bench.feed(ev.Switched(effective_hash="e" * 64))
    (run,) = bench.did(do.RunHooks)
    assert (run.moment, run.paths) == (HookMoment.AFTER, ("/windows/default_size",))


def test_a_hook_before_it_may_forbid_it_until_it_is_looked_at_again(bench: Bench) -> None:
    end(bench, "not now")
    assert not bench.did(do.WriteLive)
    assert bench.device.remediating is None
    bench.feed(ev.Ticked(), after=61.0)
    assert [run.moment for run in bench.did(do.RunHooks)] == [HookMoment.BEFORE]

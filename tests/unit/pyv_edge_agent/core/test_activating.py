"""What lies ready is put in force when its window is open, and not sooner: the download window is another one."""

from __future__ import annotations

from pyv_edge_agent.core import effects as do
from pyv_edge_agent.core import events as ev
from pyvorin_edge.orders import Window, WindowSpan
from pyvorin_edge.vocabulary import Phase, WaitingFor, Weekday
from running.brain import Bench, guarded_bench, lay_ready

NEW = b"[windows]\ndefault_size = 2\n"
NEVER = WindowSpan(days=(Weekday.SAT,), from_="03:00", to="03:01")  # the bench starts on a Friday


def standing(bench: Bench) -> tuple[Phase, WaitingFor | None]:
    assert bench.memory.trial is not None
    return bench.memory.trial.phase, bench.device.waiting_for


def test_what_may_be_fetched_now_waits_for_the_window_in_which_it_may_be_put_in_force() -> None:
    bench, digest = guarded_bench(), None
    digest = bench.release("1.0", NEW)
    lay_ready(bench, digest, NEW, window=Window(activate=NEVER))
    assert standing(bench) == (Phase.STAGING, WaitingFor.WINDOW)
    assert not bench.did(do.LookAtLock)


def test_when_the_window_opens_it_goes_on() -> None:
    bench = guarded_bench()
    digest = bench.release("1.0", NEW)
    lay_ready(bench, digest, NEW, window=Window(activate=NEVER))
    bench.direct(bench.fleet.rule(digest), window=Window())
    assert bench.did(do.LookAtLock)


def test_a_restart_while_it_waits_lays_it_ready_again() -> None:
    bench = guarded_bench()
    lay_ready(bench, bench.release("1.0", NEW), NEW, window=Window(activate=NEVER))
    bench.boot(bench.memory)
    assert standing(bench)[0] is Phase.FETCHING


def test_an_answer_of_earlier_hooks_says_nothing() -> None:
    bench = guarded_bench()
    lay_ready(bench, bench.release("1.0", NEW), NEW)
    bench.feed(ev.LockSeen(holder=None, ours=True))
    bench.feed(ev.HooksEnded(number=bench.device.hooks.number - 1))
    assert standing(bench)[0] is Phase.STAGING

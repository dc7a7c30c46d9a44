"""The hourly full check: by uptime alone, whatever the wall clock says and inotify missed."""

from __future__ import annotations

from pyv_edge_agent.core import effects as do
from pyv_edge_agent.core import events as ev
from pyv_edge_agent.core.brain import due_at
from pyv_edge_agent.core.checking import check_at
from running.brain import Bench


def test_every_hour_all_that_may_drift_is_looked_at() -> None:
    bench = Bench()
    assert due_at(bench.device) <= check_at(bench.device) == 3600.0
    bench.feed(ev.Ticked(), after=3599.0)
    assert not bench.did(do.LookAtLive)
    bench.feed(ev.Ticked(), after=1.0)
    assert bench.did(do.LookAtLive)
    assert check_at(bench.device) == 7200.0


def test_a_clock_that_is_set_back_does_not_put_it_off() -> None:
    bench = Bench()
    bench.broker.wall_ms -= 10 * 365 * 86_400_000
    bench.feed(ev.Ticked(), after=3600.0)
    assert bench.did(do.LookAtLive)

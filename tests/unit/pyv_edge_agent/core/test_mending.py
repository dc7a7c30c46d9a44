"""A committed bundle whose files are gone is asked for again: in session only, and patiently."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pyv_edge_agent.core import effects as do
from pyv_edge_agent.core import events as ev
from pyv_edge_agent.core.brain import due_at
from pyvorin_edge.identity import digest_of
from pyvorin_edge.orders import BundleRef
from pyvorin_edge.vocabulary import Cause
from running.brain import Bench

SLOT = digest_of(b"bundle")
BUNDLE = BundleRef(name="app", version="1", manifest_sha256=SLOT, sha256=SLOT, size=1)
FAILED = ev.BundleFailed(slot=SLOT, code=Cause.FETCH, detail="404")


@pytest.fixture
def bench() -> Bench:
    """Started on the installed code, for the committed bundle's files are gone; not yet in session."""
    made = Bench()
    assert made.memory.committed is not None
    memory = replace(made.memory, committed=replace(made.memory.committed, bundle=BUNDLE))
    made.boot(memory, fallen=ev.Fallen(slot=SLOT, starts=1, starts_same_boot=1, rescued=True, lost=True))
    return made


def test_it_is_asked_for_in_session_only(bench: Bench) -> None:
    assert not bench.did(do.FetchBundle)
    bench.connect()
    assert [one.bundle for one in bench.did(do.FetchBundle)] == [BUNDLE]


def test_once_it_is_there_it_is_relied_on_again(bench: Bench) -> None:
    bench.connect()
    bench.feed(ev.BundleReady(SLOT))
    assert bench.did(do.Establish) == [do.Establish(bench.memory.committed)]
    assert due_at(bench.device) > bench.up


def test_what_fails_is_asked_for_again_after_a_longer_time_each(bench: Bench) -> None:
    bench.connect()
    bench.feed(FAILED)
    bench.feed(ev.Ticked(), after=59.0)
    assert not bench.did(do.FetchBundle)
    bench.feed(ev.Ticked(), after=1.0)
    assert bench.did(do.FetchBundle)
    bench.feed(FAILED)
    bench.feed(ev.Ticked(), after=119.0)
    assert not bench.did(do.FetchBundle)
    bench.feed(ev.Ticked(), after=1.0)
    assert bench.did(do.FetchBundle)


def test_one_that_does_not_come_on_is_left(bench: Bench) -> None:
    bench.connect()
    bench.feed(ev.BundleProgressed(SLOT), after=500.0)
    bench.feed(ev.Ticked(), after=599.0)
    assert not bench.did(do.LeaveBundle)
    bench.feed(ev.Ticked(), after=1.0)
    assert bench.did(do.LeaveBundle)


def test_code_that_does_not_start_although_it_is_there_is_not_fetched_again() -> None:
    bench = Bench()
    assert bench.memory.committed is not None
    memory = replace(bench.memory, committed=replace(bench.memory.committed, bundle=BUNDLE))
    bench.boot(memory, fallen=ev.Fallen(slot=SLOT, starts=4, starts_same_boot=4, rescued=True))
    bench.connect()
    assert not bench.did(do.FetchBundle)

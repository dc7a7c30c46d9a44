"""A bundle on its way: asked for once, left when it is not wanted, failed when it stands still; reach is judged."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pyv_edge_agent.core import effects as do
from pyv_edge_agent.core import events as ev
from pyv_edge_agent.core.aim import CAN_BUNDLE
from pyv_edge_agent.core.device import Limits
from pyvorin_edge import topics
from pyvorin_edge.identity import Digest, digest_of
from pyvorin_edge.orders import BundleRef
from pyvorin_edge.vocabulary import Cause, Outcome, Phase, WaitingFor
from running.brain import HEALTHY, Bench

CONFIG = b"[windows]\ndefault_size = 7\n"
SLOT, OTHER = Digest("b" * 64), Digest("c" * 64)


def a_bundle(slot: Digest = SLOT) -> BundleRef:
    return BundleRef(name="app", version="1", manifest_sha256=slot, sha256=slot, size=10)


@pytest.fixture
def bench() -> Bench:
    made = Bench(Limits(fetch_seconds=600, reach_seconds=600))
    made.device = replace(made.device, facts=replace(made.device.facts, caps=(CAN_BUNDLE,)))
    made.connect()
    made.assign()
    made.feed(ev.Acknowledged(1))
    return made


def phase(bench: Bench) -> Phase:
    return bench.memory.trial.phase if bench.memory.trial is not None else Phase.SETTLED


def ordered(bench: Bench, **fields: object) -> Digest:
    """A release with a bundle is ordered, and all but the bundle is there."""
    release = bench.release("1.0", CONFIG, bundle=a_bundle(), **fields)
    bench.direct(release)
    bench.feed(ev.Looked(release=release, data=bench.broker.retained[topics.release(release)]))
    bench.feed(ev.Looked(blob=digest_of(CONFIG), data=CONFIG))
    return release


def proving(bench: Bench) -> Digest:
    """The same, further: it runs and is healthy."""
    release = ordered(bench)
    bench.feed(ev.BundleReady(SLOT))
    bench.feed(ev.Staged())
    bench.feed(ev.Switched(effective_hash=None))
    for _ in range(3):
        bench.feed(ev.HealthSeen(HEALTHY), after=5.0)
    assert phase(bench) is Phase.PROVING
    return release


def ended(bench: Bench) -> tuple[Outcome, Cause | None]:
    found = bench.memory.state.result
    assert found is not None
    return found.outcome, found.code


def test_a_restart_does_not_begin_the_time_for_reach_anew(bench: Bench) -> None:
    proving(bench)
    bench.feed(ev.Disconnected())
    for _ in range(40):
        bench.feed(ev.Ticked(), after=10.0)
    bench.boot(bench.memory)
    bench.feed(ev.Switched(effective_hash=None))
    while phase(bench) is Phase.PROVING:
        bench.feed(ev.HealthSeen(HEALTHY), after=5.0)
    assert 180.0 <= bench.up <= 220.0, "400 s of 600 were spent before it"
    assert bench.memory.trial is not None
    assert bench.memory.trial.spent_seconds == 0.0, "as much again without it"


def test_the_bundle_is_asked_for_once_and_staging_waits_for_it(bench: Bench) -> None:
    ordered(bench)
    assert [one.bundle for one in bench.did(do.FetchBundle)] == [a_bundle()]
    bench.feed(ev.Ticked(), after=30.0)
    assert not bench.did(do.FetchBundle)
    bench.feed(ev.BundleReady(SLOT))
    assert [one.installed.slot for one in bench.did(do.Stage)] == [SLOT]


def test_one_that_stands_still_has_failed_and_is_left(bench: Bench) -> None:
    ordered(bench)
    bench.feed(ev.Ticked(), after=599.0)
    bench.feed(ev.BundleProgressed(SLOT))
    bench.feed(ev.Ticked(), after=599.0)
    assert phase(bench) is Phase.FETCHING, "it came on meanwhile"
    bench.feed(ev.Ticked(), after=2.0)
    assert ended(bench) == (Outcome.FAILED, Cause.FETCH)
    assert bench.did(do.LeaveBundle)


@pytest.mark.parametrize(
    ("code", "outcome"),
    [(Cause.FETCH, Outcome.FAILED), (Cause.DISK, Outcome.FAILED), (Cause.SIGNATURE, Outcome.FAILED),
     (Cause.BUNDLE, Outcome.REJECTED)],
)  # fmt: skip
def test_how_it_failed_says_whether_it_is_tried_again(bench: Bench, code: Cause, outcome: Outcome) -> None:
    ordered(bench)
    bench.feed(ev.BundleFailed(slot=SLOT, code=code, detail="why"))
    assert ended(bench) == (outcome, code)


def test_word_of_another_bundle_says_nothing(bench: Bench) -> None:
    ordered(bench)
    bench.feed(ev.BundleFailed(slot=OTHER, code=Cause.BUNDLE, detail="why"))
    bench.feed(ev.BundleReady(OTHER))
    assert phase(bench) is Phase.FETCHING


def test_a_newer_target_leaves_the_download(bench: Bench) -> None:
    ordered(bench)
    bench.direct(bench.release("2.0", b"[windows]\ndefault_size = 8\n"))
    assert bench.did(do.LeaveBundle)


def test_without_a_session_it_does_not_begin(bench: Bench) -> None:
    bench.feed(ev.Disconnected())
    ordered(bench)
    assert (bench.device.waiting_for, bench.did(do.FetchBundle)) == (WaitingFor.LINK, [])
    bench.connect()
    assert bench.did(do.FetchBundle)


def test_healthy_is_not_enough_the_fleet_must_be_reached(bench: Bench) -> None:
    release = proving(bench)
    bench.feed(ev.Acknowledged(bench.device.seq))
    assert ended(bench) == (Outcome.COMMITTED, None)
    assert bench.memory.committed is not None
    assert bench.memory.committed.release == release
    assert [one.installed.slot for one in bench.did(do.Establish)] == [SLOT]


def test_what_was_said_before_the_switch_does_not_count_as_reached(bench: Bench) -> None:
    proving(bench)
    bench.feed(ev.Acknowledged(bench.device.reach_after_seq))
    assert phase(bench) is Phase.PROVING


def test_not_reached_it_goes_back_and_reached_then_it_was_the_bundle(bench: Bench) -> None:
    proving(bench)
    bench.feed(ev.HealthSeen(HEALTHY), after=600.0)
    assert phase(bench) is Phase.REVERTING
    bench.feed(ev.Switched(effective_hash=None))
    assert phase(bench) is Phase.REVERTING, "whose fault it was is not known yet"
    bench.feed(ev.Acknowledged(bench.device.seq + 1))
    assert ended(bench) == (Outcome.INCONCLUSIVE, Cause.CUT_OFF)


def test_not_reached_either_way_is_nobodys_fault(bench: Bench) -> None:
    proving(bench)
    bench.feed(ev.HealthSeen(HEALTHY), after=600.0)
    bench.feed(ev.Switched(effective_hash=None))
    bench.feed(ev.Ticked(), after=600.0)
    assert ended(bench) == (Outcome.INCONCLUSIVE, Cause.UNREACHED)


def test_a_restart_while_it_waits_to_be_judged_waits_on(bench: Bench) -> None:
    proving(bench)
    bench.feed(ev.HealthSeen(HEALTHY), after=600.0)
    bench.feed(ev.Switched(effective_hash=None))
    bench.boot(bench.memory)
    assert phase(bench) is Phase.REVERTING
    bench.feed(ev.Switched(effective_hash=None))
    assert phase(bench) is Phase.REVERTING
    bench.connect()
    bench.feed(ev.Acknowledged(bench.device.seq))
    assert ended(bench) == (Outcome.INCONCLUSIVE, Cause.CUT_OFF)


def test_a_device_that_never_met_its_fleet_is_not_judged_by_reach() -> None:
    bench = Bench()
    bench.device = replace(bench.device, facts=replace(bench.device.facts, caps=(CAN_BUNDLE,)))
    bench.assign()
    ordered(bench)
    bench.feed(ev.BundleReady(SLOT))
    assert bench.memory.trial is not None
    assert bench.memory.trial.reach is False

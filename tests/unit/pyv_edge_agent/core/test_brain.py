"""One step of the brain: counters first, nothing for nothing, and a loop that comes to its end."""

from __future__ import annotations

import time

import pytest
from msgspec.structs import replace

from pyv_edge_agent.core import effects as do
from pyv_edge_agent.core import events as ev
from pyv_edge_agent.core.brain import due_at
from pyv_edge_agent.core.memory import Local
from pyvorin_edge import topics
from pyvorin_edge.identity import digest_of
from pyvorin_edge.orders import BundleRef
from pyvorin_edge.vocabulary import Phase
from running.brain import HEALTHY, LIVE, Bench


@pytest.fixture
def bench() -> Bench:
    made = Bench()
    made.connect()
    made.assign()
    return made


def test_a_start_is_counted_and_the_provisioned_config_is_committed() -> None:
    bench = Bench()
    assert bench.memory.state.boot == 1
    assert bench.memory.committed is not None
    assert (bench.memory.committed.release, bench.memory.committed.file) == (None, digest_of(LIVE))
    assert do.KeepBlob(digest_of(LIVE), LIVE) in bench.last
    assert bench.did(do.LoadLive)


def test_the_next_start_counts_on_and_commits_nothing() -> None:
    bench = Bench()
    before = bench.memory.committed
    bench.boot(bench.memory, live=b"edited = 1\n")
    assert bench.memory.state.boot == 2
    assert bench.memory.committed == before


@pytest.mark.parametrize("rescued", [True, False])
def test_code_given_up_on_trial_is_relied_on_if_it_was_committed_before_the_power_went(
    bench: Bench, rescued: bool
) -> None:
    assert bench.memory.committed is not None
    slot = digest_of(b"bundle")
    bundle = BundleRef(name="app", version="1", manifest_sha256=slot, sha256=slot, size=1)
    memory = replace(bench.memory, committed=replace(bench.memory.committed, bundle=bundle))
    bench.boot(memory, fallen=ev.Fallen(slot=slot, starts=4, starts_same_boot=4, rescued=rescued))
    assert bool(bench.did(do.Establish)) is not rescued


def test_a_tick_that_is_not_due_changes_nothing_and_costs_next_to_nothing(bench: Bench) -> None:
    bench.feed(ev.HealthSeen(HEALTHY))
    before = bench.device
    began = time.perf_counter()
    for _ in range(1000):
        assert bench.feed(ev.Ticked()) == ()
    assert bench.device is before
    assert (time.perf_counter() - began) / 1000 < 0.0005


@pytest.mark.parametrize(
    "event", [ev.HealthSeen(HEALTHY), ev.LiveSeen(data=LIVE, effective_hash="e"), ev.Acknowledged(1)]
)
def test_what_changes_nothing_durable_leaves_the_very_same_memory(bench: Bench, event: ev.Event) -> None:
    bench.feed(event)
    before = bench.memory
    bench.feed(event, after=1.0)
    assert bench.memory is before


def test_the_device_is_never_due_for_what_it_does_not_do(bench: Bench) -> None:
    for _ in range(200):
        wait = max(0.0, due_at(bench.device) - bench.up)
        bench.feed(ev.Ticked(), after=min(wait, 10_000.0))
        assert due_at(bench.device) > bench.up


def test_an_order_goes_all_the_way(bench: Bench) -> None:
    digest = bench.release("1.0")
    bench.settle_on(digest)
    assert bench.memory.trial is None
    assert bench.reports()[-1].phase is Phase.SETTLED


def test_intent_is_in_memory_before_the_effect_is_asked_for(bench: Bench) -> None:
    digest = bench.release("1.0")
    bench.direct(digest)
    bench.feed(ev.Looked(release=digest, data=None))
    bench.deliver(topics.release(digest))
    bench.feed(ev.Looked(blob=digest_of(b"[windows]\ndefault_size = 7\n"), data=b"[windows]\ndefault_size = 7\n"))
    (stage,) = bench.did(do.Stage)
    assert bench.memory.trial is not None
    assert (bench.memory.trial.phase, bench.memory.trial.staged) == (Phase.STAGING, stage.installed)
    bench.feed(ev.Staged())
    (switch,) = bench.did(do.Switch)
    assert bench.memory.trial is not None
    assert (bench.memory.trial.phase, bench.memory.trial.staged) == (Phase.SWITCHING, switch.installed)


def test_a_clock_that_becomes_synchronised_asks_again_for_what_was_refused_for_its_time(bench: Bench) -> None:
    bench.direct(bench.release("1.0"), issued_at=bench.broker.wall_ms + 2 * 86_400_000)
    topic = topics.channel("stable")
    assert bench.device.ask_again == {topic}
    bench.synced = False
    bench.feed(ev.Ticked(), after=1.0)
    bench.synced = True
    bench.feed(ev.Ticked(), after=1.0)
    assert bench.last[:2] == (do.Unsubscribe((topic,)), do.Subscribe((topic,)))


def test_a_choice_by_hand_is_durable_and_an_unknown_one_is_not(bench: Bench) -> None:
    first = bench.release("1.0")
    bench.settle_on(first)
    bench.settle_on(
        bench.release("1.1", b"a = 1\n".replace(b"a = 1", b"[windows]\ndefault_size = 8")),
        b"[windows]\ndefault_size = 8\n",
    )
    bench.feed(ev.RolledBackByHand("9.9"))
    assert bench.memory.local is None
    bench.feed(ev.RolledBackByHand("1.0"))
    assert isinstance(bench.memory.local, Local)
    assert bench.memory.trial is not None
    assert bench.memory.trial.target.release == first


def test_a_message_that_is_not_ours_changes_nothing(bench: Bench) -> None:
    before = bench.memory
    for topic in ("other/topic", topics.assignment("FLEET-other"), topics.channel("beta"), topics.blob("a" * 64)):
        bench.feed(ev.Arrived(topic, b"{}", True))
    assert bench.memory is before

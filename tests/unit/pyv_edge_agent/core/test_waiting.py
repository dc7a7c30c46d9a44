"""What a target waits for: settling, window, clock, its own delay (rules 5, 8, 12)."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pyv_edge_agent.core import events as ev
from pyv_edge_agent.core.memory import Trial
from pyvorin_edge.identity import spread_delay_seconds
from pyvorin_edge.orders import Grant, Pace, Window, WindowSpan
from pyvorin_edge.vocabulary import Phase, RuleKind, WaitingFor, Weekday
from running.brain import DEVICE, Bench

ONE, TWO = b"[windows]\ndefault_size = 1\n", b"[windows]\ndefault_size = 2\n"
SLOW = Pace(settle_seconds=10, beat_seconds=0)
NEVER = WindowSpan(days=(Weekday.SAT,), from_="03:00", to="03:01")  # the bench starts on a Friday
NEVER_OPEN = Window(activate=NEVER, download=NEVER)


@pytest.fixture
def bench() -> Bench:
    made = Bench()
    made.connect()
    made.assign()
    made.settle_on(made.release("0.9", ONE), ONE)
    return made


def trial(bench: Bench) -> Trial:
    assert bench.memory.trial is not None
    return bench.memory.trial


def waits(bench: Bench) -> WaitingFor | None:
    return bench.device.waiting_for if trial(bench).phase is Phase.WAITING else None


def test_an_order_just_after_connecting_is_durable_and_begun_when_it_settled(bench: Bench) -> None:
    bench.connect()
    bench.direct(bench.release("1.0", TWO), pace=SLOW)
    assert waits(bench) is WaitingFor.SETTLE
    bench.feed(ev.Ticked(), after=9.5)
    assert waits(bench) is WaitingFor.SETTLE
    bench.feed(ev.Ticked(), after=0.5)
    assert trial(bench).phase is Phase.FETCHING


def test_settling_is_over_connected_or_not(bench: Bench) -> None:
    bench.connect()
    bench.direct(bench.release("1.0", TWO), pace=SLOW)
    bench.feed(ev.Disconnected(), after=1.0)
    bench.feed(ev.Ticked(), after=9.0)
    assert trial(bench).phase is Phase.FETCHING


def test_a_link_that_comes_and_goes_does_not_put_it_off_for_ever(bench: Bench) -> None:
    bench.connect()
    bench.direct(bench.release("1.0", TWO), pace=SLOW)
    bench.feed(ev.Disconnected(), after=5.0)
    bench.feed(ev.Connected(), after=4.0)
    bench.feed(ev.Ticked(), after=1.0)
    assert trial(bench).phase is Phase.FETCHING


def test_a_rollback_does_not_settle(bench: Bench) -> None:
    bench.connect()
    bench.direct(bench.fleet.rule(bench.release("1.0", TWO), kind=RuleKind.ROLLBACK), pace=SLOW)
    assert trial(bench).phase is Phase.FETCHING


def test_the_first_release_of_all_does_not_settle() -> None:
    bench = Bench()
    bench.connect()
    bench.assign()
    bench.direct(bench.release("1.0", TWO), pace=SLOW)
    assert trial(bench).phase is Phase.FETCHING


def test_a_closed_window_holds_a_release_and_not_a_rollback(bench: Bench) -> None:
    digest = bench.release("1.0", TWO)
    bench.direct(digest, window=NEVER_OPEN)
    assert waits(bench) is WaitingFor.WINDOW
    bench.direct(bench.fleet.rule(digest, kind=RuleKind.ROLLBACK), window=NEVER_OPEN)
    assert trial(bench).phase is Phase.FETCHING


def test_without_a_clock_a_window_is_closed(bench: Bench) -> None:
    bench.synced = False
    always = WindowSpan(days=tuple(Weekday), from_="00:00", to="00:00")
    bench.direct(bench.release("1.0", TWO), window=Window(download=always))
    assert waits(bench) is WaitingFor.CLOCK
    bench.synced = True
    bench.feed(ev.Ticked(), after=1.0)
    assert trial(bench).phase is Phase.FETCHING


def test_the_spread_is_the_devices_own_and_runs_in_uptime(bench: Bench) -> None:
    rule = bench.fleet.rule(bench.release("1.0", TWO), spread_seconds=1000)
    own = spread_delay_seconds(DEVICE, rule.release, rule.attempt, 1000)
    assert own > 60
    bench.direct(rule)
    assert waits(bench) is WaitingFor.SPREAD
    bench.feed(ev.Ticked(), after=own - 0.5)
    assert waits(bench) is WaitingFor.SPREAD
    bench.feed(ev.Ticked(), after=0.5)
    assert trial(bench).phase is Phase.FETCHING


def test_neither_restart_nor_refresh_rolls_it_again(bench: Bench) -> None:
    rule = bench.fleet.rule(bench.release("1.0", TWO), spread_seconds=1000)
    own = spread_delay_seconds(DEVICE, rule.release, rule.attempt, 1000)
    bench.direct(rule)
    bench.feed(ev.Ticked(), after=40.0)
    bench.boot(bench.memory)
    assert trial(bench).spread_left_seconds == own - 40
    bench.direct(rule)
    bench.feed(ev.Ticked(), after=own - 40.0)
    assert trial(bench).phase is Phase.FETCHING


def test_waiting_is_not_an_fsync_each_tick(bench: Bench) -> None:
    bench.direct(bench.fleet.rule(bench.release("1.0", TWO), spread_seconds=1000))
    kept = []
    for _ in range(60):
        bench.feed(ev.HealthSeen({"status": "healthy"}), after=1.0)
        kept.append(bench.memory)
    assert len({id(memory) for memory in kept}) <= 3


def test_a_newer_order_may_shorten_the_wait(bench: Bench) -> None:
    rule = bench.fleet.rule(bench.release("1.0", TWO), spread_seconds=1000)
    bench.direct(rule)
    bench.direct(replace(rule, spread_seconds=0))
    assert trial(bench).phase is Phase.FETCHING


def test_a_rollback_is_spread_over_ten_seconds_at_most(bench: Bench) -> None:
    rule = bench.fleet.rule(bench.release("1.0", TWO), spread_seconds=1000)
    bench.direct(rule)
    bench.direct(replace(rule, kind=RuleKind.ROLLBACK))
    bench.feed(ev.Ticked(), after=10.0)
    assert trial(bench).phase is Phase.FETCHING


def test_a_release_handed_out_in_turns_is_begun_in_its_turn_and_no_other(bench: Bench) -> None:
    rule = bench.fleet.rule(bench.release("1.0", TWO), turn=True, spread_seconds=1000)
    bench.direct(rule, crit=("turn",))
    assert waits(bench) is WaitingFor.TURN
    bench.assign(turn=Grant(release=rule.release, attempt=rule.attempt + 1))
    bench.feed(ev.Ticked(), after=3600.0)
    assert waits(bench) is WaitingFor.TURN
    bench.assign(turn=Grant(release=rule.release, attempt=rule.attempt))
    assert trial(bench).phase is Phase.FETCHING  # at once: turns take the spread's place


def test_a_turn_survives_a_restart(bench: Bench) -> None:
    rule = bench.fleet.rule(bench.release("1.0", TWO), turn=True)
    bench.assign(turn=Grant(release=rule.release, attempt=rule.attempt))
    bench.direct(rule, crit=("turn",), window=NEVER_OPEN)
    bench.boot(bench.memory)
    assert waits(bench) is WaitingFor.WINDOW
    bench.direct(rule, crit=("turn",))
    assert trial(bench).phase is Phase.FETCHING


def test_no_turn_is_asked_for_while_the_window_is_closed(bench: Bench) -> None:
    rule = bench.fleet.rule(bench.release("1.0", TWO), turn=True)
    bench.direct(rule, crit=("turn",), window=NEVER_OPEN)
    assert waits(bench) is WaitingFor.WINDOW
    bench.direct(rule, crit=("turn",))
    assert waits(bench) is WaitingFor.TURN
    bench.direct(rule, crit=("turn",), window=NEVER_OPEN)
    assert waits(bench) is WaitingFor.WINDOW


def test_a_turn_that_is_taken_back_does_not_undo_what_began(bench: Bench) -> None:
    rule = bench.fleet.rule(bench.release("1.0", TWO), turn=True)
    bench.assign(turn=Grant(release=rule.release, attempt=rule.attempt))
    bench.direct(rule, crit=("turn",))
    bench.assign()
    assert trial(bench).phase is Phase.FETCHING


@pytest.mark.parametrize("kind", list(RuleKind))
def test_a_rollback_waits_for_no_turn(bench: Bench, kind: RuleKind) -> None:
    bench.direct(bench.fleet.rule(bench.release("1.0", TWO), kind=kind, turn=True), crit=("turn",))
    assert (waits(bench) is None) == (kind is RuleKind.ROLLBACK)

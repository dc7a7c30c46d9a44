"""Rule 5: a newer target takes the place of the one under way; waits are the device's own and survive a restart."""

from __future__ import annotations

from conformance.subject import Able, needs
from conformance.watched import Watched
from pyvorin_edge.identity import spread_delay_seconds
from pyvorin_edge.orders import Gate, Window, WindowSpan
from pyvorin_edge.vocabulary import Cause, Outcome, Phase, RuleKind, WaitingFor, Weekday

SLOW = Gate(within_seconds=30, hold_seconds=20)


def test_a_newer_target_while_fetching_drops_the_older(device: Watched) -> None:
    never = device.fleet.release("1.0", device.config(1), publish=False)
    device.fleet.direct(never)
    device.until(lambda: device.report.phase is Phase.FETCHING, "it fetches what never comes")
    other = device.publish("1.1", 2)
    device.fleet.direct(other)
    device.end(other, Outcome.COMMITTED)
    assert device.runs(2)


def test_golden_unknown_while_fetching_drops_the_target(device: Watched) -> None:
    never = device.fleet.release("1.0", device.config(1), publish=False)
    device.fleet.direct(never)
    device.until(lambda: device.report.phase is Phase.FETCHING, "it fetches what never comes")
    device.fleet.assign(channel="beta")
    device.until(lambda: device.report.phase is Phase.SETTLED, "it has dropped it")
    assert device.report.target is None


@needs(Able.NETWORK)
def test_a_newer_target_while_proving_goes_back_to_committed_first(device: Watched) -> None:
    base, slow, last = device.publish("1.0", 1), device.publish("1.1", 2, gate=SLOW), device.publish("1.2", 3)
    device.fleet.direct(base)
    device.settle_on(base)
    device.fleet.direct(slow)
    device.until(lambda: device.report.phase is Phase.PROVING, "it proves")
    seen = len(device.subject.reports())
    device.fleet.direct(last)
    device.settle_on(last)
    phases = [report.phase for report in device.subject.reports()[seen:]]
    assert Phase.REVERTING in phases
    assert any(
        one.result is not None and (one.result.release, one.result.outcome) == (slow, Outcome.SUPERSEDED)
        for one in device.subject.reports()[seen:]
    )


def test_a_rollback_to_committed_while_proving_ends_there(device: Watched) -> None:
    base, slow = device.publish("1.0", 1), device.publish("1.1", 2, gate=SLOW)
    device.fleet.direct(base)
    device.settle_on(base)
    device.fleet.direct(slow)
    device.until(lambda: device.report.phase is Phase.PROVING, "it proves")
    device.fleet.roll_back(base)
    device.end(slow, Outcome.SUPERSEDED)
    assert device.runs(1)
    assert device.report.running.release == base


def test_a_superseded_release_may_come_again_in_the_same_attempt(device: Watched) -> None:
    """Superseded is no fault of the release: it is not quarantined (rule 6)."""
    slow, other = device.publish("1.0", 1, gate=Gate(within_seconds=30, hold_seconds=3)), device.publish("1.1", 2)
    rule = device.fleet.rule(slow)
    device.fleet.direct(rule)
    device.until(lambda: device.report.phase is Phase.PROVING, "it proves")
    device.fleet.direct(other)
    device.settle_on(other)
    device.fleet.direct(rule)
    device.settle_on(slow)


def test_a_hold_rule_keeps_a_device_that_proves(device: Watched) -> None:
    """A paused wave: who has it stays, who has not does not begin."""
    base, slow = device.publish("1.0", 1), device.publish("1.1", 2, gate=Gate(within_seconds=30, hold_seconds=4))
    first = device.fleet.rule(base)
    device.fleet.direct(first)
    device.settle_on(base)
    wave = device.fleet.rule(slow)
    device.fleet.direct(wave)
    device.until(lambda: device.report.phase is Phase.PROVING, "it proves")
    hold = device.fleet.rule(slow, hold=True, attempt=wave.attempt)
    device.fleet.direct(hold, first)
    device.end(slow, Outcome.COMMITTED)


def test_a_hold_rule_does_not_begin_a_device_that_never_had_it(device: Watched) -> None:
    base, other = device.publish("1.0", 1), device.publish("1.1", 2)
    device.fleet.direct(device.fleet.rule(other, hold=True), base)
    device.settle_on(base)
    device.subject.idle(3)
    assert device.runs(1)


@needs(Able.TIME)
def test_the_spread_is_the_devices_own_and_runs_in_uptime(device: Watched) -> None:
    release = device.publish("1.0", 1)
    rule = device.fleet.rule(release, spread_seconds=1000)
    delay = spread_delay_seconds(device.subject.device_id, release, rule.attempt, 1000)
    assert delay > 100, "the vector is chosen to have something to wait for"
    device.fleet.direct(rule)
    device.until(lambda: device.waits_for(WaitingFor.SPREAD), "it waits for its turn")
    device.subject.idle(delay - 5)
    assert device.waits_for(WaitingFor.SPREAD)
    device.settle_on(release)


@needs(Able.TIME)
def test_neither_restart_nor_refresh_rolls_the_spread_again(device: Watched) -> None:
    release = device.publish("1.0", 1)
    rule = device.fleet.rule(release, spread_seconds=1000)
    delay = spread_delay_seconds(device.subject.device_id, release, rule.attempt, 1000)
    device.fleet.direct(rule)
    device.until(lambda: device.waits_for(WaitingFor.SPREAD), "it waits for its turn")
    for _ in range(2):
        device.subject.idle(delay / 3)
        device.restart()
        device.fleet.refresh()
    device.settle_on(release, within_seconds=delay / 3 + 120)  # what lies between two notes on disk may be waited again


@needs(Able.TIME)
def test_a_rollback_skips_the_window_and_all_but_ten_seconds_of_spread(device: Watched) -> None:
    closed = WindowSpan(days=(Weekday.MON,), from_="00:00", to="00:00")
    release = device.publish("1.0", 1)
    rule = device.fleet.rule(release, kind=RuleKind.ROLLBACK, spread_seconds=100_000)
    device.fleet.direct(rule, window=Window(activate=closed, download=closed))
    device.settle_on(release, within_seconds=20)


@needs(Able.TIME)
def test_outside_its_window_a_device_waits_and_inside_it_goes_on(device: Watched) -> None:
    minute = device.fleet.carrier.now_ms() // 60_000 % 1440
    start, end = (minute + 120) % 1440, (minute + 180) % 1440
    span = WindowSpan(days=tuple(Weekday), from_=_clock(start), to=_clock(end))
    release = device.publish("1.0", 1)
    device.fleet.direct(release, window=Window(activate=span, download=span))
    device.until(lambda: device.waits_for(WaitingFor.WINDOW), "it waits for its window")
    device.subject.idle(3600)
    assert device.waits_for(WaitingFor.WINDOW)
    device.settle_on(release, within_seconds=3900)


@needs(Able.TIME)
def test_what_cannot_be_fetched_in_ten_minutes_has_failed(device: Watched) -> None:
    never = device.fleet.release("1.0", device.config(1), publish=False)
    device.fleet.direct(never)
    device.until(
        lambda: device.report.result is not None and device.report.result.code is Cause.FETCH,
        "failed: fetch",
        within_seconds=605,
    )
    assert device.runs(0)


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"

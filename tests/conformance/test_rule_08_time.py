"""Rule 8: time is the clock if it is synchronised, else what accepted orders prove."""

from __future__ import annotations

from conformance.fleet import DAY_MS, HOUR_MS
from conformance.subject import Able, needs
from conformance.watched import Watched
from pyvorin_edge.orders import Window, WindowSpan
from pyvorin_edge.vocabulary import Clock, Refusal, WaitingFor, Weekday

ALWAYS = WindowSpan(days=tuple(Weekday), from_="00:00", to="23:59")


def refused(device: Watched, code: Refusal) -> None:
    device.until(lambda: device.report.refused is not None and device.report.refused.code is code, f"a refusal: {code}")


def test_an_order_from_more_than_a_day_ahead_is_refused(device: Watched) -> None:
    release = device.publish("1.0", 1)
    ahead = device.fleet.carrier.now_ms() + 25 * HOUR_MS
    device.fleet.direct(release, issued_at=ahead, expires_at=ahead + DAY_MS)
    refused(device, Refusal.TIME)
    assert device.runs(0)


def test_an_expired_order_is_not_newly_accepted(device: Watched) -> None:
    release = device.publish("1.0", 1)
    now = device.fleet.carrier.now_ms()
    device.fleet.direct(release, issued_at=now - 31 * DAY_MS, expires_at=now - DAY_MS)
    refused(device, Refusal.EXPIRED)
    assert device.runs(0)


@needs(Able.TIME)
def test_what_was_accepted_stays_in_force_past_its_end(device: Watched) -> None:
    release = device.publish("1.0", 1)
    device.fleet.direct(release)
    device.settle_on(release)
    refusal = device.report.refused
    device.subject.idle(31 * 86_400)
    device.restart()
    device.subject.idle(5)
    assert device.settled_on(release)
    assert device.report.refused == refusal


@needs(Able.TIME)
def test_without_a_clock_an_order_is_judged_by_the_newest_order_before(device: Watched) -> None:
    first, old = device.publish("1.0", 1), device.publish("0.9", 9)
    device.subject.set_clock(synced=False, ahead_ms=-40 * 365 * DAY_MS)
    device.fleet.direct(first)
    device.settle_on(first)
    assert device.report.clock is Clock.UNSYNCED
    now = device.fleet.carrier.now_ms()
    device.fleet.direct(old, issued_at=now - 40 * DAY_MS, expires_at=now - 10 * DAY_MS)
    refused(device, Refusal.EXPIRED)
    assert device.runs(1)


@needs(Able.TIME)
def test_what_was_refused_for_its_time_is_asked_for_again_when_the_clock_is_set(device: Watched) -> None:
    device.subject.set_clock(synced=True, ahead_ms=-2 * 365 * DAY_MS)
    release = device.publish("1.0", 1)
    device.fleet.direct(release)
    refused(device, Refusal.TIME)
    device.subject.set_clock(synced=False)
    device.subject.set_clock(synced=True)
    device.settle_on(release)


@needs(Able.TIME)
def test_without_a_clock_a_window_is_closed(device: Watched) -> None:
    device.subject.set_clock(synced=False)
    release = device.publish("1.0", 1)
    device.fleet.direct(release, window=Window(activate=ALWAYS, download=ALWAYS))
    device.until(lambda: device.waits_for(WaitingFor.CLOCK), "it waits for its clock")
    device.subject.set_clock(synced=True)
    device.settle_on(release, within_seconds=120)


@needs(Able.TIME)
def test_without_a_clock_a_rollback_passes(device: Watched) -> None:
    device.subject.set_clock(synced=False)
    release = device.publish("1.0", 1)
    device.fleet.roll_back(release, window=Window(activate=ALWAYS, download=ALWAYS))
    device.settle_on(release)


@needs(Able.TIME)
def test_an_order_from_the_far_future_does_not_deafen_a_device_without_a_clock(device: Watched) -> None:
    """Its bound never passes the trust document's expiry, and a new epoch forgets it."""
    device.subject.set_clock(synced=False)
    stolen, after = device.publish("1.0", 1), device.publish("1.1", 2)
    far = device.fleet.carrier.now_ms() + 100 * 365 * DAY_MS
    device.fleet.direct(stolen, issued_at=far, expires_at=far + DAY_MS)
    device.settle_on(stolen)
    device.fleet.trust(epoch=2)
    device.until(lambda: device.report.trust == 2, "the new epoch")
    device.fleet.assign()
    device.fleet.direct(after)
    device.settle_on(after)


@needs(Able.TIME)
def test_a_clock_that_woke_in_1970_or_far_ahead_is_not_asked_until_it_is_set(device: Watched) -> None:
    for marker, ahead_ms in ((1, -55 * 365 * DAY_MS), (2, 30 * 365 * DAY_MS)):
        device.subject.set_clock(synced=False, ahead_ms=ahead_ms)
        device.restart()
        release = device.publish(f"1.{marker}", marker)
        device.fleet.direct(release)
        device.settle_on(release)
        assert device.report.clock is Clock.UNSYNCED
    device.subject.set_clock(synced=True)
    last = device.publish("2.0", 3)
    device.fleet.direct(last)
    device.settle_on(last)
    assert device.report.clock is Clock.SYNCED


@needs(Able.NETWORK)
def test_a_device_that_slept_for_weeks_takes_the_trust_documents_it_missed_one_by_one(device: Watched) -> None:
    device.subject.disconnect()
    for _ in range(3):
        device.fleet.trust()
    device.subject.idle(21 * 86_400)
    device.subject.connect()
    device.until(lambda: device.report.trust == len(device.fleet.documents), "all of them")
    release = device.publish("1.0", 1)
    device.fleet.direct(release)
    device.settle_on(release)


@needs(Able.TIME)
def test_weeks_offline_change_nothing_and_the_next_order_is_taken(device: Watched) -> None:
    release, after = device.publish("1.0", 1), device.publish("1.1", 2)
    device.fleet.direct(release)
    device.settle_on(release)
    device.subject.disconnect()
    device.subject.idle(45 * 86_400)
    assert device.runs(1)
    device.fleet.direct(after)
    device.subject.connect()
    device.settle_on(after)

"""PROTOCOL 6: when a device speaks, and in which order."""

from __future__ import annotations

from conformance.subject import Able, needs
from conformance.watched import Watched
from pyvorin_edge.orders import Pace
from pyvorin_edge.vocabulary import Outcome, Phase


@needs(Able.NETWORK)
def test_a_report_on_connect(device: Watched) -> None:
    conn = device.report.conn
    assert device.ask_for_report().conn == conn + 1


@needs(Able.NETWORK)
def test_reports_are_numbered_upwards_within_a_start_and_starts_upwards(device: Watched) -> None:
    release = device.publish("1.0", 1)
    device.fleet.direct(release)
    device.settle_on(release)
    device.restart()
    order = [(one.incarnation, one.boot, one.seq) for one in device.subject.reports()]
    assert order == sorted(set(order))
    assert len({one.boot_id for one in device.subject.reports()}) == 2


@needs(Able.NETWORK)
def test_each_change_of_phase_is_told(device: Watched) -> None:
    release = device.publish("1.0", 1)
    device.fleet.direct(release)
    device.settle_on(release)
    phases = [one.phase for one in device.subject.reports()]
    assert Phase.PROVING in phases
    assert phases[-1] is Phase.SETTLED


def test_the_result_is_repeated_until_the_next(device: Watched) -> None:
    release = device.publish("1.0", 1)
    device.fleet.direct(release)
    device.end(release, Outcome.COMMITTED)
    result = device.report.result
    device.restart()
    assert device.report.result == result


def test_a_rollback_to_what_runs_already_is_acknowledged_at_once(device: Watched) -> None:
    release = device.publish("1.0", 1)
    device.fleet.direct(release)
    device.settle_on(release)
    device.fleet.roll_back(release)
    device.until(
        lambda: device.settled_on(release) and device.generation_is(device.fleet.generation), "it acknowledges"
    )


@needs(Able.TIME)
def test_a_change_of_health_is_told(device: Watched) -> None:
    sensor = {"name": "mortal", "fail_after_seconds": 30}
    release = device.fleet.release("1.0", device.config(1, sensors={"devices": [sensor]}))
    device.fleet.direct(release)
    device.settle_on(release)
    assert device.report.health["status"] == "healthy"
    device.until(lambda: device.report.health["status"] == "unhealthy", "it says that it fell ill", within_seconds=60)


@needs(Able.TIME)
def test_a_report_each_report_seconds_and_beats_between(device: Watched) -> None:
    release = device.publish("1.0", 1)
    device.fleet.direct(release, pace=Pace(settle_seconds=0, beat_seconds=60, report_seconds=900))
    device.settle_on(release)
    count = len(device.subject.reports())
    device.subject.idle(2750)
    assert 3 <= len(device.subject.reports()) - count <= 4

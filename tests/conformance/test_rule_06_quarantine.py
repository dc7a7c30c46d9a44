"""Rule 6: what ended badly is remembered by (release, overlay), and tried again only for a reason."""

from __future__ import annotations

import pytest

from conformance.subject import Able, needs
from conformance.watched import Watched
from pyvorin_edge.identity import Digest
from pyvorin_edge.orders import Gate
from pyvorin_edge.vocabulary import Cause, Outcome, Phase

SLOW = Gate(within_seconds=300, hold_seconds=200)


@pytest.fixture
def base(device: Watched) -> Digest:
    """What the device runs before."""
    release = device.publish("1.0", 1)
    device.fleet.direct(release)
    device.settle_on(release)
    return release


def tries(device: Watched, release: Digest) -> int:
    """How often it began to prove the release, by its reports."""
    proving = [one.phase is Phase.PROVING and one.running.release == release for one in device.subject.reports()]
    return sum(now and not before for before, now in zip([False, *proving], proving, strict=False))


def test_a_release_that_failed_its_gate_is_not_tried_again_by_a_later_wave(device: Watched, base: Digest) -> None:
    bad = device.bad("1.1")
    rule = device.fleet.rule(bad)
    device.fleet.direct(rule)
    device.end(bad, Outcome.FAILED)
    for _ in range(3):
        device.fleet.direct(rule)  # every wave is a newer generation
        device.subject.idle(2)
    device.restart()
    device.subject.idle(2)
    assert tries(device, bad) == 1
    assert device.settled_on(base)


def test_a_higher_attempt_tries_again(device: Watched, base: Digest) -> None:
    bad = device.bad("1.1")
    device.fleet.direct(bad)
    device.end(bad, Outcome.FAILED)
    device.fleet.direct(bad)  # the next attempt
    device.until(lambda: tries(device, bad) == 2, "a second try")
    device.end(bad, Outcome.FAILED)


def test_another_overlay_tries_again(device: Watched, base: Digest) -> None:
    bad = device.bad("1.1", open=("/sensors/devices",))
    rule = device.fleet.rule(bad)
    device.fleet.direct(rule)
    device.end(bad, Outcome.FAILED)
    device.fleet.assign(overlay={"sensors": {"devices": []}})  # this one mends it
    device.end(bad, Outcome.COMMITTED)


def test_a_rejected_release_is_judged_again_when_the_trust_changes(device: Watched, base: Digest) -> None:
    risky = device.publish("1.1", 2)
    device.fleet.trust(revoked_releases=(risky,))
    device.until(lambda: device.report.trust == 2, "the revocation")
    device.fleet.direct(risky)
    device.end(risky, Outcome.REJECTED)
    assert device.report.result is not None
    assert device.report.result.code is Cause.REVOKED
    device.fleet.trust(revoked_releases=())
    device.settle_on(risky)


def test_a_rejected_release_is_not_judged_again_for_a_higher_attempt(device: Watched, base: Digest) -> None:
    broken = device.fleet.release("1.1", b"this is no TOML")
    device.fleet.direct(broken)
    device.end(broken, Outcome.REJECTED)
    seen = len(device.subject.reports())
    device.fleet.direct(broken)
    device.until(
        lambda: device.report.result is not None and device.report.result.attempt == 3, "told for this attempt"
    )
    assert device.report.result is not None
    assert device.report.result.outcome is Outcome.REJECTED
    assert all(one.phase is Phase.SETTLED for one in device.subject.reports()[seen:])


@needs(Able.TIME, Able.FULL_DISK)
def test_what_failed_before_the_switch_is_tried_again_after_1_2_and_4_minutes(device: Watched, base: Digest) -> None:
    release = device.fleet.release("1.1", device.config(2))
    device.subject.fill_disk(True)
    device.fleet.direct(release)
    device.until(lambda: _failed_by(device, Cause.DISK), "failed: disk")
    first = _at(device)
    waits = []
    for _ in range(3):
        before = _at(device)
        device.until(lambda before=before: _at(device) > before, "the next try", within_seconds=400)
        waits.append(round((_at(device) - before) / 60_000))
    assert waits == [1, 2, 4]
    assert first < _at(device)
    device.subject.fill_disk(False)
    device.end(release, Outcome.COMMITTED, within_seconds=600)


def test_four_starts_within_one_start_of_the_machine_are_a_boot_loop(device: Watched, base: Digest) -> None:
    slow = device.publish("1.1", 2, gate=SLOW)
    device.fleet.direct(slow)
    device.until(lambda: device.report.phase is Phase.PROVING, "it proves")
    for _ in range(4):
        device.restart()
    device.end(slow, Outcome.FAILED)
    assert device.report.result is not None
    assert device.report.result.code is Cause.BOOT_LOOP
    assert device.settled_on(base)
    assert device.runs(1)


@needs(Able.REBOOT)
def test_four_power_cuts_are_not_the_releases_fault(device: Watched, base: Digest) -> None:
    slow = device.publish("1.1", 2, gate=SLOW)
    device.fleet.direct(slow)
    device.until(lambda: device.report.phase is Phase.PROVING, "it proves")
    for _ in range(4):
        device.subject.reboot()
    device.until(lambda: _outcomes(device, slow) == {Outcome.INCONCLUSIVE}, "inconclusive")
    assert device.report.running.release in (base, slow)  # it may be trying again by now


@needs(Able.REBOOT, Able.TIME)
def test_three_times_inconclusive_is_failed(device: Watched, base: Digest) -> None:
    slow = device.publish("1.1", 2, gate=SLOW)
    device.fleet.direct(slow)
    for _ in range(3):
        device.until(lambda: device.report.phase is Phase.PROVING, "it proves", within_seconds=600)
        for _ in range(4):
            device.subject.reboot()
        device.until(lambda: device.report.phase is not Phase.PROVING, "it gave up")
    device.end(slow, Outcome.FAILED)
    device.subject.idle(7200)
    assert device.settled_on(base)


def _failed_by(device: Watched, cause: Cause) -> bool:
    result = device.report.result
    return result is not None and result.code is cause


def _at(device: Watched) -> int:
    result = device.report.result
    return result.at if result is not None else 0


def _outcomes(device: Watched, release: Digest) -> set[Outcome]:
    return {
        one.result.outcome
        for one in device.subject.reports()
        if one.result is not None and one.result.release == release
    }

"""PROTOCOL 7: drift and its policy; lag by (release, overlay)."""

from __future__ import annotations

import pytest

from conformance.fleet import HOUR_MS
from conformance.subject import Able, needs
from conformance.watched import Watched
from pyvorin_edge.identity import Digest
from pyvorin_edge.orders import DriftTerms, Gate, Ignored, OwnDriftTerms
from pyvorin_edge.vocabulary import DriftPolicy, Outcome, Phase, Standing

HEAL = DriftTerms(policy=DriftPolicy.REMEDIATE)


@pytest.fixture
def base(device: Watched) -> Digest:
    """A device on a release."""
    release = device.publish("1.0", 1)
    device.fleet.direct(release)
    device.settle_on(release)
    return release


def stands(device: Watched, standing: Standing) -> None:
    device.until(lambda: device.report.drift.standing is standing, f"it stands {standing}")


def test_a_settled_device_is_in_step(device: Watched, base: Digest) -> None:
    stands(device, Standing.IN_STEP)


def test_a_release_that_cannot_be_had_is_lag_and_no_drift(device: Watched, base: Digest) -> None:
    bad = device.bad("1.1")
    device.fleet.direct(bad)
    device.end(bad, Outcome.FAILED)
    stands(device, Standing.LAGGING)
    assert device.report.drift.kinds == ()


def test_edited_and_behind_is_both(device: Watched, base: Digest) -> None:
    bad = device.bad("1.1")
    device.fleet.direct(bad)
    device.end(bad, Outcome.FAILED)
    device.subject.edit(device.config(9))
    stands(device, Standing.BOTH)


def test_formatting_is_no_drift(device: Watched, base: Digest) -> None:
    device.subject.edit(b"# a comment\n" + device.config(1))
    device.subject.idle(2)
    assert device.ask_for_report().drift.standing is Standing.IN_STEP


def test_before_any_order_golden_is_unknown_and_so_is_the_standing(device: Watched) -> None:
    assert device.ask_for_report().drift.standing is Standing.UNKNOWN


def test_an_ignored_key_path_is_no_drift_until_its_end(device: Watched, base: Digest) -> None:
    until = device.fleet.carrier.now_ms() + HOUR_MS
    ignored = Ignored(pointer="/windows/default_size", reason="a test bench", until=until)
    assert device.fleet.directive is not None
    device.fleet.direct(*device.fleet.directive.rules, drift=DriftTerms(ignore=(ignored,)))
    device.subject.edit(device.config(9))
    device.subject.idle(2)
    assert device.ask_for_report().drift.standing is Standing.IN_STEP


@needs(Able.TIME)
def test_when_the_exception_ends_it_is_drift_again(device: Watched, base: Digest) -> None:
    test_an_ignored_key_path_is_no_drift_until_its_end(device, base)
    device.subject.idle(3700)
    stands(device, Standing.DRIFTED)


def test_the_policy_remediate_writes_the_committed_config_back(device: Watched, base: Digest) -> None:
    assert device.fleet.directive is not None
    device.fleet.direct(*device.fleet.directive.rules, drift=HEAL)
    device.until(lambda: device.ask_for_report().generation == device.fleet.generation, "the policy")
    device.subject.edit(device.config(9))
    device.until(lambda: device.runs(1), "it is healed")
    stands(device, Standing.IN_STEP)


def test_a_policy_that_comes_after_the_edit_heals_too(device: Watched, base: Digest) -> None:
    device.subject.edit(device.config(9))
    stands(device, Standing.DRIFTED)
    assert device.fleet.directive is not None
    device.fleet.direct(*device.fleet.directive.rules, drift=HEAL)
    device.until(lambda: device.runs(1), "it is healed")
    stands(device, Standing.IN_STEP)


def test_a_devices_own_policy_comes_before_its_channels_and_what_it_ignores_besides(
    device: Watched, base: Digest
) -> None:
    until = device.fleet.carrier.now_ms() + HOUR_MS
    ignored = Ignored(pointer="/windows/default_size", reason="a test bench", until=until)
    device.fleet.assign(drift=OwnDriftTerms(ignore=(ignored,)))
    device.until(lambda: device.ask_for_report().number == device.fleet.number, "the assignment")
    device.subject.edit(device.config(9))
    device.subject.idle(2)
    assert device.ask_for_report().drift.standing is Standing.IN_STEP
    device.fleet.assign(drift=OwnDriftTerms(policy=DriftPolicy.REMEDIATE))
    device.until(lambda: device.runs(1), "it is healed")
    stands(device, Standing.IN_STEP)
    assert device.fleet.directive is not None
    device.fleet.direct(*device.fleet.directive.rules, drift=HEAL)
    device.fleet.assign(drift=OwnDriftTerms(policy=DriftPolicy.ALERT))
    device.until(lambda: device.ask_for_report().number == device.fleet.number, "the assignment")
    device.subject.edit(device.config(9))
    stands(device, Standing.DRIFTED)
    device.subject.idle(2)
    assert device.runs(9)


def test_a_key_that_is_fought_over_is_healed_three_times_and_then_left(device: Watched, base: Digest) -> None:
    assert device.fleet.directive is not None
    device.fleet.direct(*device.fleet.directive.rules, drift=HEAL)
    device.until(lambda: device.ask_for_report().generation == device.fleet.generation, "the policy")
    for marker in (11, 12, 13):
        device.subject.edit(device.config(marker))
        device.until(lambda: device.runs(1), "it is healed")
        # asked for anew: an earlier report says the same, while the device is still at work
        device.until(lambda: device.ask_for_report().drift.standing is Standing.IN_STEP, "it is in step again")
    device.subject.edit(device.config(14))
    stands(device, Standing.DRIFTED)
    device.subject.idle(2)
    assert device.runs(14)


@needs(Able.TIME)
def test_after_an_hour_the_fight_is_forgotten(device: Watched, base: Digest) -> None:
    test_a_key_that_is_fought_over_is_healed_three_times_and_then_left(device, base)
    device.subject.idle(2 * 3600)
    device.until(lambda: device.runs(1), "healed again")


@needs(Able.NETWORK)
def test_an_update_under_way_is_no_drift(device: Watched, base: Digest) -> None:
    after = device.publish("1.1", 2)
    seen = len(device.subject.reports())
    device.fleet.direct(after)
    device.settle_on(after)
    told = device.subject.reports()[seen:]
    assert all(not one.drift.kinds for one in told), [(one.phase, one.drift) for one in told if one.drift.kinds]
    assert any(one.phase is not Phase.SETTLED for one in told)


def test_an_edit_while_a_release_proves_itself_is_drift_once_that_is_committed(device: Watched, base: Digest) -> None:
    after = device.publish("1.1", 2, gate=Gate(within_seconds=20, hold_seconds=1))
    device.fleet.direct(after)
    device.until(lambda: device.report.phase is Phase.PROVING, "it proves itself")
    device.subject.edit(device.config(9))
    device.settle_on(after)
    stands(device, Standing.DRIFTED)
    assert device.runs(9)


@needs(Able.TIME)
def test_a_clock_that_is_stepped_is_no_drift_and_an_hour_of_uptime_finds_what_nobody_told(
    device: Watched, base: Digest
) -> None:
    for ahead_ms in (400 * 24 * HOUR_MS, -400 * 24 * HOUR_MS, 0):
        device.subject.set_clock(synced=True, ahead_ms=ahead_ms)
        assert device.ask_for_report().drift.standing is Standing.IN_STEP
    device.subject.edit_unseen(device.config(9))
    device.subject.idle(3601)
    stands(device, Standing.DRIFTED)

"""Update lock, hooks, and windows apart (ADR 0030): what stands between a release and its being in force."""

from __future__ import annotations

import pytest

from conformance.subject import Able, needs
from conformance.watched import Watched
from pyvorin_edge.identity import Digest
from pyvorin_edge.orders import DriftTerms, Window
from pyvorin_edge.vocabulary import (
    Cause,
    DriftPolicy,
    HookMoment,
    HookReason,
    Outcome,
    Phase,
    RuleKind,
    WaitingFor,
)

BEFORE, AFTER = HookMoment.BEFORE, HookMoment.AFTER


@pytest.fixture
def base(device: Watched) -> Digest:
    """A device that runs a release of its fleet; its hooks begin to count."""
    release = device.publish("1.0", 1)
    device.fleet.direct(release)
    device.settle_on(release)
    device.subject.end_hooks(BEFORE, 0)
    return release


def lies_ready(device: Watched, waiting_for: WaitingFor) -> None:
    device.until(
        lambda: (device.report.phase, device.report.waiting_for) == (Phase.STAGING, waiting_for),
        f"it is fetched, and waits for its {waiting_for}",
    )


def reasons(device: Watched, after: int = 0) -> list[tuple[HookMoment, HookReason]]:
    return device.subject.hooked()[after:]


@needs(Able.GUARDS)
def test_a_held_lock_keeps_it_waiting_over_a_restart_and_no_rollback(device: Watched, base: Digest) -> None:
    device.subject.hold_lock(True)
    release = device.publish("1.1", 2)
    device.fleet.direct(release)
    lies_ready(device, WaitingFor.LOCK)
    device.restart()
    lies_ready(device, WaitingFor.LOCK)
    assert device.runs(1)
    device.fleet.direct(device.fleet.rule(release, kind=RuleKind.ROLLBACK))
    device.settle_on(release)


@needs(Able.GUARDS)
def test_when_the_lock_is_let_go_it_goes_on_between_its_hooks(device: Watched, base: Digest) -> None:
    before = len(reasons(device))
    device.subject.hold_lock(True)
    release = device.publish("1.1", 2)
    device.fleet.direct(release)
    lies_ready(device, WaitingFor.LOCK)
    assert reasons(device, before) == []
    device.subject.hold_lock(False)
    device.settle_on(release)
    assert reasons(device, before) == [(BEFORE, HookReason.UPDATE), (AFTER, HookReason.UPDATE)]


@needs(Able.GUARDS)
def test_a_hook_before_it_forbids_it_and_the_others_hear_of_that(device: Watched, base: Digest) -> None:
    device.subject.end_hooks(BEFORE, 1)
    before = len(reasons(device))
    release = device.publish("1.1", 2)
    device.fleet.direct(release)
    device.end(release, Outcome.FAILED)
    assert device.report.result is not None
    assert device.report.result.code is Cause.HOOK
    assert device.runs(1)
    heard = [(BEFORE, HookReason.UPDATE), (AFTER, HookReason.REVERT)]
    device.until(lambda: reasons(device, before) == heard, "hooks after it hear that nothing changed")


@needs(Able.GUARDS)
def test_a_hook_after_it_takes_it_back(device: Watched, base: Digest) -> None:
    device.subject.end_hooks(AFTER, 1)
    before = len(reasons(device))
    release = device.publish("1.1", 2)
    device.fleet.direct(release)
    device.end(release, Outcome.FAILED)
    assert device.report.result is not None
    assert device.report.result.code is Cause.GATE
    assert "hook" in device.report.result.detail
    assert device.runs(1)
    heard = [(BEFORE, HookReason.UPDATE), (AFTER, HookReason.UPDATE), (AFTER, HookReason.REVERT)]
    device.until(lambda: reasons(device, before) == heard, "the way back has its hook")


@needs(Able.GUARDS)
@pytest.mark.parametrize("moment", HookMoment)
def test_after_a_power_cut_in_a_hook_it_runs_again_and_all_ends_as_ordered(
    device: Watched, base: Digest, moment: HookMoment
) -> None:
    device.subject.end_hooks(moment, None)
    before = len(reasons(device))
    release = device.publish("1.1", 2)
    device.fleet.direct(release)
    device.until(lambda: (moment, HookReason.UPDATE) in reasons(device, before), "the hook runs")
    device.subject.kill()
    device.subject.start()
    device.until(lambda: reasons(device, before).count((moment, HookReason.UPDATE)) == 2, "the hook runs again")
    device.subject.end_hooks(moment, 0)
    device.settle_on(release)
    assert device.runs(2)


@needs(Able.GUARDS)
def test_a_repaired_file_has_the_same_hooks(device: Watched, base: Digest) -> None:
    device.fleet.direct(base, drift=DriftTerms(policy=DriftPolicy.REMEDIATE))
    device.ask_for_report()
    before = len(reasons(device))
    device.subject.edit(device.config(7))
    device.until(lambda: device.runs(1), "it is written back")
    heard = [(BEFORE, HookReason.REPAIR), (AFTER, HookReason.REPAIR)]
    device.until(lambda: reasons(device, before) == heard, "its hooks ran")


@needs(Able.TIME)
def test_what_is_fetched_in_one_window_is_put_in_force_in_another(device: Watched, base: Digest) -> None:
    release = device.publish("1.1", 2)
    device.fleet.direct(release, window=Window(activate=device.fleet.in_an_hour()))
    lies_ready(device, WaitingFor.WINDOW)
    device.subject.disconnect()
    device.until(lambda: device.runs(2), "its window is open, without a network", within_seconds=3700)


@needs(Able.TIME)
def test_out_of_its_download_window_nothing_is_fetched(device: Watched, base: Digest) -> None:
    release = device.publish("1.1", 2)
    device.fleet.direct(release, window=Window(download=device.fleet.in_an_hour()))
    device.until(lambda: device.waits_for(WaitingFor.WINDOW), "it waits for its download window")
    device.settle_on(release, within_seconds=3700)

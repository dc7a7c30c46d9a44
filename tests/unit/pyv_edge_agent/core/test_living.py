"""The live file against what was applied: drift by key path, ignored paths, healing, the environment (PROTOCOL 7)."""

from __future__ import annotations

from typing import Any

import pytest

from pyv_edge_agent.core import effects as do
from pyv_edge_agent.core import events as ev
from pyvorin_edge.identity import digest_of
from pyvorin_edge.orders import DriftTerms, Ignored
from pyvorin_edge.vocabulary import DriftKind, DriftPolicy, Standing
from running.brain import LIVE, Bench

ONE = b"[windows]\ndefault_size = 1\n"
EDITED = b"[windows]\ndefault_size = 2\n"
HEAL = DriftTerms(policy=DriftPolicy.REMEDIATE)


def at_rest(**fields: Any) -> Bench:
    bench = Bench()
    bench.connect()
    bench.assign()
    digest = bench.release("1.0", ONE)
    bench.direct(digest, **fields)
    bench.install(digest, ONE)
    bench.prove()
    see(bench, ONE)
    return bench


def see(
    bench: Bench, live: bytes | None, effective_hash: str | None = "e" * 64, values: dict[str, str] | None = None
) -> None:
    """The file is looked at, and the store answers if it is asked."""
    bench.feed(ev.LiveSeen(data=live, effective_hash=effective_hash, values=values or {}))
    for look in bench.did(do.Look):
        bench.feed(ev.Looked(blob=look.blob, data=ONE if look.blob == digest_of(ONE) else LIVE))


def test_what_was_applied_is_in_step() -> None:
    assert at_rest().device.drift.standing is Standing.IN_STEP


def test_an_edit_is_drift_with_its_key_path_and_since_when() -> None:
    bench = at_rest()
    see(bench, EDITED)
    drift = bench.device.drift
    assert (drift.standing, drift.kinds, drift.paths) == (
        Standing.DRIFTED,
        (DriftKind.EDITED,),
        ("/windows/default_size",),
    )
    since = drift.since
    bench.feed(ev.HealthSeen({"status": "healthy"}), after=60.0)
    assert bench.device.drift.since == since == bench.memory.state.drift_since


def test_until_the_store_answers_nothing_is_said() -> None:
    bench = at_rest()
    before = bench.device.drift
    bench.feed(ev.LiveSeen(data=EDITED, effective_hash=None))
    assert bench.device.drift == before
    assert not bench.reports()


def test_edited_back_is_in_step_again() -> None:
    bench = at_rest()
    see(bench, EDITED)
    see(bench, ONE)
    assert bench.device.drift.standing is Standing.IN_STEP
    assert bench.memory.state.drift_since is None


@pytest.mark.parametrize("live", [None, b"[windows\n", b"\xff"])
def test_a_file_that_cannot_be_read_is_drift_too(live: bytes | None) -> None:
    bench = at_rest()
    see(bench, live)
    assert bench.device.drift.standing is Standing.DRIFTED


def test_a_counterpart_that_the_store_lost_is_asked_for_once() -> None:
    bench = at_rest()
    bench.feed(ev.LiveSeen(data=EDITED, effective_hash=None))
    (look,) = bench.did(do.Look)
    bench.feed(ev.Looked(blob=look.blob, data=None))
    assert not bench.did(do.Look)
    assert bench.device.drift.standing is Standing.DRIFTED


def test_an_ignored_path_is_no_drift_until_its_end() -> None:
    until = Bench().broker.wall_ms + 60_000
    ignore = (Ignored(pointer="/windows", reason="a trial", until=until),)
    bench = at_rest(drift=DriftTerms(ignore=ignore))
    see(bench, EDITED)
    assert bench.device.drift.standing is Standing.IN_STEP
    bench.feed(ev.HealthSeen({"status": "healthy"}), after=61.0)
    assert bench.device.drift.standing is Standing.DRIFTED


def test_a_pointer_that_only_begins_alike_is_not_ignored() -> None:
    ignore = (Ignored(pointer="/windows/default", reason="a trial", until=2**52),)
    bench = at_rest(drift=DriftTerms(ignore=ignore))
    see(bench, EDITED)
    assert bench.device.drift.standing is Standing.DRIFTED


def test_another_environment_is_drift_of_its_own_kind() -> None:
    bench = at_rest()
    see(bench, ONE, effective_hash="d" * 64)
    assert bench.device.drift.kinds == (DriftKind.ENVIRONMENT,)


def test_a_secret_that_was_rotated_is_named_by_its_key_path_alone() -> None:
    bench = Bench()
    see(bench, LIVE, "e" * 64, {"/cloud/api_key": "one", "/cloud/endpoint": "same"})
    see(bench, LIVE, "d" * 64, {"/cloud/api_key": "two", "/cloud/endpoint": "same"})
    assert (bench.device.drift.kinds, bench.device.drift.paths) == ((DriftKind.ENVIRONMENT,), ("/cloud/api_key",))
    see(bench, LIVE, "e" * 64, {"/cloud/api_key": "one", "/cloud/endpoint": "same"})
    assert bench.device.drift.kinds == ()


def test_what_an_earlier_agent_measured_as_a_whole_gets_its_names_while_it_is_the_same() -> None:
    bench = Bench()
    see(bench, LIVE, "e" * 64)
    see(bench, LIVE, "e" * 64, {"/cloud/api_key": "one"})
    see(bench, LIVE, "d" * 64, {"/cloud/api_key": "two"})
    assert bench.device.drift.paths == ("/cloud/api_key",)


def test_an_ignored_secret_is_no_drift() -> None:
    ignore = (Ignored(pointer="/cloud", reason="rotated by hand", until=2**52),)
    bench = at_rest(drift=DriftTerms(ignore=ignore))
    see(bench, ONE, "e" * 64, {"/cloud/api_key": "one"})
    see(bench, ONE, "d" * 64, {"/cloud/api_key": "two"})
    assert bench.device.drift.kinds == ()


def test_the_provisioned_configs_environment_is_measured_when_first_seen() -> None:
    bench = Bench()
    see(bench, LIVE, "e" * 64)
    see(bench, LIVE, "d" * 64)
    assert bench.device.drift.kinds == (DriftKind.ENVIRONMENT,)


def test_an_agent_upgrade_that_changes_a_default_is_no_drift() -> None:
    bench = at_rest()
    upgraded = Bench(version="2")
    upgraded.boot(bench.memory, live=ONE)
    see(upgraded, ONE, "d" * 64)
    assert upgraded.device.drift.kinds == ()
    see(upgraded, ONE, "c" * 64)
    assert upgraded.device.drift.kinds == (DriftKind.ENVIRONMENT,)


def test_paths_in_a_report_are_few_and_short() -> None:
    bench = at_rest()
    many = "".join(f"k{n}{'x' * 600} = 1\n" for n in range(50)).encode()
    see(bench, many)
    drift = bench.device.drift
    assert len(drift.paths) == 32
    assert drift.more == 50 + 1 - 32
    assert max(map(len, drift.paths)) <= 200


def test_the_policy_heals_what_was_edited() -> None:
    bench = at_rest(drift=HEAL)
    see(bench, EDITED)
    assert bench.did(do.WriteLive) == [do.WriteLive(bench.memory.committed)]  # type: ignore[arg-type]


def test_without_the_policy_nothing_is_written() -> None:
    bench = at_rest()
    see(bench, EDITED)
    assert not bench.did(do.WriteLive)


def test_a_key_that_is_fought_over_is_left_alone_and_still_told() -> None:
    bench = at_rest(drift=HEAL)
    for round_ in range(4):
        bench.feed(ev.Ticked(), after=120.0)
        see(bench, EDITED)
        assert bool(bench.did(do.WriteLive)) is (round_ < 3), round_
        if bench.did(do.WriteLive):
            bench.feed(ev.Switched(effective_hash="e" * 64))
            see(bench, ONE)
    assert bench.device.drift.standing is Standing.DRIFTED


def test_an_hour_later_it_heals_again() -> None:
    bench = at_rest(drift=HEAL)
    for _ in range(3):
        see(bench, EDITED)
        bench.feed(ev.Switched(effective_hash="e" * 64))
        see(bench, ONE)
    bench.feed(ev.Ticked(), after=3601.0)
    see(bench, EDITED)
    assert bench.did(do.WriteLive)


def test_a_clock_that_is_set_back_does_not_end_healing_for_ever() -> None:
    bench = at_rest(drift=HEAL)
    for _ in range(3):
        see(bench, EDITED)
        bench.feed(ev.Switched(effective_hash="e" * 64))
        see(bench, ONE)
    bench.broker.wall_ms -= 365 * 86_400_000
    bench.feed(ev.Ticked(), after=120.0)
    see(bench, EDITED)
    assert bench.did(do.WriteLive)


@pytest.mark.parametrize("live", [b"[windows]\ndefault_size = 1.0\n", b"[windows]\ndefault_size = true\n"])
def test_another_type_of_the_same_number_is_drift(live: bytes) -> None:
    bench = at_rest()
    see(bench, live)
    assert bench.device.drift.paths == ("/windows/default_size",)


def test_a_date_is_refused_so_the_document_is_drift_as_a_whole() -> None:
    bench = at_rest()
    see(bench, ONE + b"since = 2026-01-01\n")
    assert (bench.device.drift.live_hash, bench.device.drift.paths) == (None, ("",))


def test_a_heal_that_failed_does_not_stop_detection() -> None:
    from pyvorin_edge.vocabulary import Cause

    bench = at_rest(drift=HEAL)
    see(bench, EDITED)
    bench.feed(ev.SwitchFailed(code=Cause.DISK, detail="read-only"))
    see(bench, EDITED)
    assert bench.device.drift.standing is Standing.DRIFTED


def test_a_release_chosen_by_hand_is_foreign_to_the_fleet() -> None:
    bench = at_rest()
    second = bench.release("1.1", EDITED)
    bench.settle_on(second, EDITED)
    bench.feed(ev.RolledBackByHand("1.0"))
    first = bench.memory.trial
    assert first is not None
    bench.install(first.target.release, ONE)
    bench.prove()
    see(bench, ONE)
    drift = bench.device.drift
    assert (drift.standing, drift.kinds) == (Standing.BOTH, (DriftKind.FOREIGN_RELEASE,))

"""What the device works towards, and what bars the way (rules 6, 9, 10, 15)."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from conformance.fleet import Fleet
from conformance.memory_broker import MemoryBroker
from pyv_edge_agent.core import aim
from pyv_edge_agent.core.brain import wake
from pyv_edge_agent.core.device import Facts
from pyv_edge_agent.core.memory import Heard, Local, Memory, State, Trial, Tried
from pyvorin_edge import orders
from pyvorin_edge.identity import Digest
from pyvorin_edge.orders import Pin, overlay_digest
from pyvorin_edge.trust import advance_all, from_key
from pyvorin_edge.vocabulary import Cause, Outcome, Phase, RuleKind
from running.brain import DEVICE, HOME, a_target, an_installed

FLEET = Fleet(MemoryBroker(), DEVICE, HOME.mqtt[0])
TRUST = advance_all(from_key(FLEET.root.public_key().public_bytes_raw()), tuple(FLEET.documents))
A, B = Digest("a" * 64), Digest("b" * 64)


def goal(memory: Memory, *rules: orders.Rule, **assigned: Any) -> orders.Target | None:
    return aim.aimed_at(DEVICE, memory, FLEET.order(*rules), FLEET.assignment(**assigned))


def proving(phase: Phase) -> Memory:
    return Memory(committed=an_installed("b"), trial=Trial(target=a_target("a"), phase=phase, staged=an_installed("a")))


@pytest.mark.parametrize(
    ("phase", "holds"),
    [(Phase.STAGING, False), (Phase.SWITCHING, True), (Phase.PROVING, True), (Phase.REVERTING, False)],
)
def test_a_release_is_held_from_the_switch_until_it_goes_back(phase: Phase, holds: bool) -> None:
    assert (A in aim.held(proving(phase))) is holds
    assert B in aim.held(proving(phase))


def test_a_hold_rule_keeps_those_who_hold_it() -> None:
    rules = (FLEET.rule(A, hold=True), FLEET.rule(B))
    on_a, on_b = goal(Memory(committed=an_installed("a")), *rules), goal(Memory(committed=an_installed("b")), *rules)
    assert on_a is not None
    assert on_b is not None
    assert (on_a.release, on_b.release) == (A, B)


def test_without_bounds_the_empty_assignment_will_do_and_with_them_not() -> None:
    order = FLEET.order(FLEET.rule(A))
    bounded = Memory(state=State(heard_assignment=Heard(epoch=1, generation=3)))
    assert aim.golden_target(DEVICE, Memory(), order, None) is not None
    assert aim.golden_target(DEVICE, bounded, order, None) is None


def test_a_choice_by_hand_stands_for_golden_under_the_overlay_of_today() -> None:
    memory = Memory(committed=an_installed("b"), previous=(an_installed("a"),), local=Local(release=A, against=A))
    chosen = goal(memory, FLEET.rule(B), overlay={"windows": {"default_size": 1}})
    assert chosen is not None
    assert (chosen.release, chosen.kind) == (A, RuleKind.ROLLBACK)
    assert chosen.overlay == overlay_digest({"windows": {"default_size": 1}})


def test_a_choice_by_hand_that_is_no_longer_held_is_no_choice() -> None:
    wanted = goal(Memory(committed=an_installed("b"), local=Local(release=A, against=A)), FLEET.rule(B))
    assert wanted is not None
    assert wanted.release == B


def test_choosing_what_is_not_held_is_an_error() -> None:
    with pytest.raises(KeyError):
        aim.local_choice(Memory(committed=an_installed("b")), "a.0", None, None)


def test_other_rules_pin_or_channel_end_a_choice_and_a_refresh_does_not() -> None:
    order, assignment = FLEET.order(FLEET.rule(A)), FLEET.assignment()
    stands = aim.stands_against(order, assignment)
    assert aim.stands_against(replace(order, generation=order.generation + 1, issued_at=1), assignment) == stands
    assert aim.stands_against(order, replace(assignment, number=99, overlay={"a": 1})) == stands
    assert aim.stands_against(replace(order, rules=(FLEET.rule(B),)), assignment) != stands
    assert (
        aim.stands_against(order, replace(assignment, pin=Pin(release=B, attempt=1, kind=RuleKind.RELEASE))) != stands
    )
    assert aim.stands_against(order, replace(assignment, channel="beta")) != stands


def quarantined(outcome: Outcome, *, switched: bool, code: Cause = Cause.GATE, tries: int = 1) -> Memory:
    line = Tried(
        release=A,
        overlay=a_target().overlay,
        attempt=3,
        outcome=outcome,
        code=code,
        tries=tries,
        switched=switched,
        judged_by="then",
    )
    return Memory(quarantine=(line,))


@pytest.mark.parametrize(
    ("memory", "attempt", "judged_by", "barred"),
    [
        (quarantined(Outcome.FAILED, switched=True), 3, "now", True),
        (quarantined(Outcome.FAILED, switched=True), 4, "now", False),
        (quarantined(Outcome.FAILED, switched=False), 3, "now", False),
        (quarantined(Outcome.INCONCLUSIVE, switched=True), 3, "now", False),
        (quarantined(Outcome.REJECTED, switched=False), 3, "then", True),
        (quarantined(Outcome.REJECTED, switched=False), 9, "then", True),
        (quarantined(Outcome.REJECTED, switched=False), 3, "now", False),
        (Memory(), 3, "now", False),
    ],
)
def test_quarantine_bars_by_how_it_ended(memory: Memory, attempt: int, judged_by: str, barred: bool) -> None:
    assert aim.barred(memory, a_target(attempt=attempt), judged_by) is barred


def test_another_overlay_is_another_target() -> None:
    memory = quarantined(Outcome.FAILED, switched=True)
    assert not aim.barred(memory, a_target(attempt=3, overlay="e" * 64), "now")


@pytest.mark.parametrize(("tries", "minutes"), [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (50, 60)])
def test_waits_double_up_to_an_hour(tries: int, minutes: int) -> None:
    memory = quarantined(Outcome.FAILED, switched=False, code=Cause.FETCH, tries=tries)
    assert aim.retry_after_seconds(memory, a_target(attempt=3), "now") == minutes * 60
    assert aim.retry_after_seconds(memory, a_target(attempt=4), "now") == 0


def test_a_signature_is_looked_at_again_when_trust_changed() -> None:
    memory = quarantined(Outcome.FAILED, switched=False, code=Cause.SIGNATURE)
    assert aim.retry_after_seconds(memory, a_target(attempt=3), "then") == 60
    assert aim.retry_after_seconds(memory, a_target(attempt=3), "now") == 0


def test_who_chooses_by_hand_pardons_that_release_alone() -> None:
    memory = quarantined(Outcome.FAILED, switched=True)
    assert aim.pardoned(memory, A) == ()
    assert aim.pardoned(memory, B) == memory.quarantine


def test_a_rejection_is_judged_by_trust_floor_and_agent() -> None:
    by = aim.judged_by(TRUST, Memory(), "1")
    assert by != aim.judged_by(replace(TRUST, version=2), Memory(), "1")
    assert by != aim.judged_by(TRUST, Memory(state=State(floor=1)), "1")
    assert by != aim.judged_by(TRUST, Memory(), "2")


BUNDLE = orders.BundleRef(name="app", version="1", manifest_sha256=A, sha256=B, size=1)


def assigned(overlay: dict[str, Any]) -> orders.Assignment:
    return FLEET.assignment(overlay=overlay)


def a_release(**fields: Any) -> orders.Release:
    config = orders.ConfigRef(sha256=A, size=1, format="toml")  # type: ignore[arg-type]
    values = {"v": 1, "fleet": "acme", "version": "1", "config": config, "golden_hash": A, "form": "sorted-json-1"}
    return orders.Release(**{**values, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("release", "trust", "floor", "overlay", "cause"),
    [
        (a_release(), TRUST, 0, {}, None),
        (a_release(), replace(TRUST, revoked_releases=frozenset({A})), 0, {}, Cause.REVOKED),
        (a_release(security=1), TRUST, 2, {}, Cause.BELOW_FLOOR),
        (a_release(security=1), replace(TRUST, floor=2), 0, {}, Cause.BELOW_FLOOR),
        (a_release(security=2), replace(TRUST, floor=2), 1, {}, None),
        (a_release(open=("/a",)), TRUST, 0, {"a": {"b": 1}}, None),
        (a_release(open=("/a",)), TRUST, 0, {"ab": 1}, Cause.OVERLAY_CLOSED),
        (a_release(open=("/a/b",)), TRUST, 0, {"a": {}}, Cause.OVERLAY_CLOSED),
        (a_release(bundle=BUNDLE), TRUST, 0, {}, Cause.BUNDLE),
    ],
)
def test_what_must_not_be_begun(release: Any, trust: Any, floor: int, overlay: Any, cause: Cause | None) -> None:
    memory = Memory(state=State(floor=floor))
    device = replace(wake(Facts(device_id=DEVICE, agent_version="1"), memory, trust), assignment=assigned(overlay))
    found = aim.objection(release, A, device)
    assert (found[0] if found else None) is cause

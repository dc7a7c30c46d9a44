"""Through the broker alone: what a wish comes to, and an order that wins at whoever holds any order that was seen."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pyv_edge_agent.core.aim import barred
from pyv_edge_agent.core.events import Now
from pyv_edge_agent.core.memory import Heard, Memory, State, Tried
from pyv_edge_agent.core.obey import Taken, heed_directive
from pyv_fleet.core.offline import (
    ATTEMPT_LEAP,
    LAST_GOOD,
    OfflineRefused,
    Wish,
    compose,
    is_offline,
    last_good_of,
    next_attempt,
    refuse_trust,
    resolve,
    said_of,
)
from pyv_fleet.core.recovery import ATTEMPT_MAX, REPORTED_AHEAD_MAX_MS, Found
from pyvorin_edge.orders import Directive, Pin, Rule, golden
from pyvorin_edge.report import Report
from pyvorin_edge.vocabulary import Cause, Connectivity, Outcome, Phase, RuleKind
from running.retained import (
    NEXT,
    NOW,
    NOW_MS,
    OLD,
    STAYS,
    assignment,
    directive,
    found,
    report,
    signed,
    tried,
    trust_of,
)

WAVE = Rule(kind=RuleKind.RELEASE, release=NEXT, attempt=5, salt="s", below="8" * 16)
GENERATIONS = st.integers(1, NOW_MS + REPORTED_AHEAD_MAX_MS)
ATTEMPTS = st.integers(0, ATTEMPT_MAX)
BERLIN = {"site": ("berlin",)}


def wish(to: str = "1.0", **other: Any) -> Wish:
    return Wish(**{"to": to, "reason": "it broke", "by": "ada", **other})


def ordered(what: Found, reports: dict[str, Report], to: str = "1.0", now: int = NOW_MS, **other: Any) -> Directive:
    return compose(resolve(what, reports, wish(to, **other), now)[0], wish(to, **other), what, now)


@given(
    standing=GENERATIONS,
    reported=GENERATIONS,
    bound=GENERATIONS,
    clock=st.integers(1, NOW_MS * 2),
    synced=st.booleans(),
)
def test_it_is_accepted_by_whoever_holds_any_order_that_was_seen(
    standing: int, reported: int, bound: int, clock: int, synced: bool
) -> None:
    issued = min(standing, NOW_MS)
    what = found(
        directive(generation=standing, issued_at=issued, expires_at=issued + 1),
        assignment("dev-a", min_generation=bound), assignment("dev-b"),
    )  # fmt: skip
    order = ordered(what, {"dev-b": report("dev-b", generation=reported)}, now=NOW_MS)
    for generation in (standing, reported, bound):
        holds = Heard(epoch=1, generation=generation, payload_sha256=None if generation == bound else NOW)
        state = State(epoch=1, heard={"stable": holds}, time_bound=issued, fleet="lab")
        now = Now(wall_ms=NOW_MS if synced else clock, synced=synced, uptime_seconds=1.0)
        assert isinstance(heed_directive(signed(order), "stable", trust_of(), state, now), Taken)
    target = golden("dev-a", order, assignment("dev-a", min_generation=bound), frozenset())
    assert target is not None
    assert target.release == OLD


@given(
    named=st.integers(0, ATTEMPT_MAX), in_report=st.integers(0, ATTEMPT_MAX), unseen=st.integers(0, ATTEMPT_LEAP - 1)
)
def test_no_attempt_that_failed_before_bars_it_though_no_order_names_it_any_more(
    named: int, in_report: int, unseen: int
) -> None:
    what = found(directive(Rule(kind=RuleKind.RELEASE, release=OLD, attempt=named), STAYS), assignment())
    rule = ordered(what, {"dev-a": report(**tried(OLD, in_report))}).rules[0]
    assert rule.attempt > max(named, in_report)
    failed = min(max(named, in_report) + unseen, ATTEMPT_MAX - 1)
    memory = Memory(quarantine=(Tried(
        release=OLD, overlay=OLD, attempt=failed, outcome=Outcome.FAILED, code=Cause.GATE, tries=1, switched=True,
    ),))  # fmt: skip
    target = golden("dev-a", ordered(what, {"dev-a": report(**tried(OLD, in_report))}), assignment(), frozenset())
    assert target is not None
    assert not barred(memory, replace(target, overlay=OLD), "")


def test_one_device_that_lies_uses_up_no_numbers() -> None:
    lies = {"dev-a": report(generation=2**62, **tried(OLD, 2**40))}
    assert ordered(found(), lies).generation == NOW_MS
    assert next_attempt(found(), lies, OLD) == ATTEMPT_LEAP


def test_it_keeps_the_channel_s_terms_and_says_whose_it_is() -> None:
    order = ordered(found(), {})
    assert (order.pace, order.epoch, order.rules[0].kind) == (directive().pace, 1, RuleKind.ROLLBACK)
    assert (order.issued_by, order.reason, len(order.rules)) == ("offline: ada", "it broke", 1)
    assert is_offline(order.issued_by, order.rules)
    assert not is_offline("ada", order.rules)
    assert not is_offline(order.issued_by, (STAYS,))


def test_it_is_issued_after_all_that_was_though_this_clock_is_behind() -> None:
    order = ordered(found(), {}, now=5)
    assert order.issued_at == directive().issued_at + 1
    assert order.generation > directive().generation


def test_what_was_given_from_here_and_seen_by_nobody_counts_too() -> None:
    part = resolve(found(), {}, wish(), NOW_MS, {"stable": NOW_MS + 50})[0]
    assert compose(part, wish(), found(), NOW_MS).generation == NOW_MS + 51


def test_pinned_devices_are_not_meant_and_a_higher_floor_is_told() -> None:
    pinned = assignment("dev-b", pin=Pin(release=NOW, attempt=1, kind=RuleKind.RELEASE))
    part = resolve(found(directive(), assignment(), pinned), {"dev-a": report(floor=4)}, wish(), NOW_MS)[0]
    assert (part.devices, part.pinned, part.floored) == (("dev-a",), ("dev-b",), ("dev-a",))


def test_a_selection_goes_back_and_a_rollout_ends_where_it_is_for_the_rest() -> None:
    what = found(directive(WAVE, STAYS), assignment(), assignment("dev-b", labels={"site": "rome"}))
    rules = ordered(what, {}, where=BERLIN).rules
    assert [(rule.release, rule.hold) for rule in rules] == [(OLD, False), (NEXT, True), (NOW, False)]
    assert rules[0].where == BERLIN
    assert resolve(what, {}, wish(where=BERLIN), NOW_MS)[0].devices == ("dev-a",)


def test_a_selection_reaches_only_into_channels_that_have_such_devices() -> None:
    what = found(directive(), directive(channel="beta"), assignment(), assignment("b", channel="beta", labels={}))
    assert [part.channel for part in resolve(what, {}, wish(where=BERLIN), NOW_MS)] == ["stable"]
    assert [part.channel for part in resolve(what, {}, wish(), NOW_MS)] == ["beta", "stable"]
    assert [part.channel for part in resolve(what, {}, wish(channels=("beta",)), NOW_MS)] == ["beta"]


def test_a_selection_is_refused_while_devices_hold_rules_that_the_broker_does_not() -> None:
    ahead = {one: report(one, generation=NOW_MS) for one in ("dev-a", "dev-b")}
    with pytest.raises(OfflineRefused, match="hold directive"):
        resolve(found(), ahead, wish(where=BERLIN), NOW_MS)
    assert resolve(found(), ahead, wish(), NOW_MS)[0].generation == NOW_MS + 1


@pytest.mark.parametrize(
    ("rules", "good"),
    [
        ((WAVE, STAYS), NOW),
        ((replace(WAVE, hold=True, salt=None, below=None), STAYS), NOW),
        ((STAYS,), None),
        ((Rule(kind=RuleKind.ROLLBACK, release=OLD, attempt=9, where=BERLIN), STAYS), None),
    ],
)
def test_last_good_is_what_the_rest_stays_on_while_a_rollout_runs(rules: tuple[Rule, ...], good: str | None) -> None:
    assert last_good_of(directive(*rules)) == good


def test_last_good_is_else_what_the_controller_signed() -> None:
    what = found(directive(last_good=OLD), assignment())
    assert resolve(what, {}, wish(LAST_GOOD), NOW_MS)[0].release.order.version == "1.0"
    assert ordered(what, {}, "1.2").last_good == NEXT
    assert ordered(what, {}, "1.2", where=BERLIN).last_good == OLD


@pytest.mark.parametrize(
    ("terms", "asked", "why"),
    [
        ({}, {"to": "9.9"}, "holds no release '9.9'.*1.0, 1.1, 1.2"),
        ({}, {"to": LAST_GOOD}, "names no release that was .* before.*1.0, 1.1, 1.2"),
        ({}, {"channels": ("beta",)}, "no order of a channel 'beta'"),
        ({}, {"where": {"site": ("oslo",)}}, "no device .* site=oslo"),
        ({"revoked_releases": (OLD,)}, {}, "revokes 1.0"),
        ({"floor": 3}, {}, "security 0, the floor is 3"),
    ],
)
def test_what_cannot_be_known_or_would_be_rejected_is_refused_in_words(
    terms: dict[str, Any], asked: dict[str, Any], why: str
) -> None:
    with pytest.raises(OfflineRefused, match=why):
        resolve(found(trust=trust_of(**terms)), {}, wish(**asked), NOW_MS)


def test_a_directive_that_is_not_believed_is_named_and_nothing_is_made_of_it() -> None:
    what = replace(found(), refused=("pyvorin/fleet/v1/channel/beta: not signed by the directive role",))
    for asked in ({}, {"channels": ("beta",)}):
        with pytest.raises(OfflineRefused, match="channel/beta: not signed"):
            resolve(what, {}, wish(**asked), NOW_MS)
    assert resolve(what, {}, wish(channels=("stable",)), NOW_MS)


def test_numbers_that_are_used_up_and_a_trust_document_that_expired_are_root_s_work() -> None:
    with pytest.raises(OfflineRefused, match="raise the epoch"):
        resolve(found(directive(generation=2**63 - 1), assignment()), {}, wish(), NOW_MS)
    refuse_trust(trust_of(), NOW_MS)
    with pytest.raises(OfflineRefused, match="expired"):
        refuse_trust(trust_of(), trust_of().expires_at or 0)


def test_more_rules_than_devices_take_are_not_signed() -> None:
    many = [Rule(kind=RuleKind.RELEASE, release=NOW, attempt=1, where={"x": (str(n),)}) for n in range(15)]
    with pytest.raises(OfflineRefused, match="17 rules, devices take 16"):
        resolve(found(directive(*many, STAYS), assignment()), {}, wish(where=BERLIN), NOW_MS)


def test_a_device_is_where_its_own_report_says() -> None:
    said = said_of(report(**tried(OLD, 4)), Connectivity.ONLINE)
    assert (said.running_version, said.phase, said.result_attempt, said.last_seen) == ("1.1", Phase.SETTLED, 4, NOW_MS)
    assert said_of(None, Connectivity.OFFLINE, pinned=True).pinned

"""What a rule reads of a device: what it does not tell is no alert; a limit and where it is over are two figures."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyv_fleet.core.alert_facts import SAMPLES_MAX, Facts, Reading, Samples, reading, sampled
from pyv_fleet.core.alert_rules import AlertRule, Rate, State, Threshold
from pyv_fleet.core.words import DeviceCondition
from pyvorin_edge.vocabulary import Connectivity, HealthStatus, LagKind, Standing

QUEUE = AlertRule(when=Threshold(figure="queue_depth", above=5000, clear=4000))
RATE = Rate(figure="cloud.dead_letters", above=10, within_seconds=60)


def facts(**other: Any) -> Facts:
    known: dict[str, Any] = {"connectivity": Connectivity.ONLINE, "labels": {"site": "berlin"}, "channel": "stable"}
    return Facts(device_id="dev-a", **(known | other))


def on(state: DeviceCondition, **other: Any) -> Reading:
    return reading(AlertRule(when=State(state=state)), facts(**other))


@pytest.mark.parametrize(
    ("depth", "found"), [(5001, Reading.HOLDS), (5000, Reading.OPEN), (4001, Reading.OPEN), (4000, Reading.OVER)]
)
def test_between_the_limit_and_where_it_is_over_nothing_is_said(depth: int, found: Reading) -> None:
    assert reading(QUEUE, facts(figures={"queue_depth": depth})) is found


def test_below_is_the_mirror_of_above() -> None:
    low = AlertRule(when=Threshold(figure="ingest.devices_configured", below=2, clear=3))
    said = [reading(low, facts(health={"ingest": {"devices_configured": n}})) for n in (1, 2, 3)]
    assert said == [Reading.HOLDS, Reading.OPEN, Reading.OVER]


@pytest.mark.parametrize("depth", [None, True, "7000", float("nan"), [], 10**400])
def test_what_is_no_figure_is_open_and_an_alert_only_where_it_was_asked_for(depth: object) -> None:
    rule = AlertRule(when=Threshold(figure="cloud.queue_depth", above=5000))
    told = facts(health={"cloud": {"queue_depth": depth}})
    assert reading(rule, told) is Reading.OPEN
    assert reading(AlertRule(when=rule.when, absent=True), told) is Reading.HOLDS


def test_a_device_that_is_away_tells_nothing_new() -> None:
    for away in (Connectivity.OFFLINE, Connectivity.LOST, Connectivity.NEVER_SEEN):
        assert reading(QUEUE, facts(connectivity=away, figures={"queue_depth": 9000})) is Reading.OPEN
        assert on(DeviceCondition.UNHEALTHY, connectivity=away, health_status=HealthStatus.UNHEALTHY) is Reading.OPEN
        assert on(DeviceCondition.DRIFTED, connectivity=away, standing=Standing.DRIFTED) is Reading.OPEN


def test_what_was_told_before_the_controller_listened_changes_nothing_but_its_own_word_counts() -> None:
    assert reading(QUEUE, facts(heard=False, figures={"queue_depth": 9000})) is Reading.UNHEARD
    assert on(DeviceCondition.UNHEALTHY, heard=False, health_status=HealthStatus.UNHEALTHY) is Reading.UNHEARD
    assert on(DeviceCondition.UNREACHABLE, heard=False, connectivity=Connectivity.LOST) is Reading.HOLDS


def test_a_device_that_was_never_heard_is_not_unreachable() -> None:
    assert on(DeviceCondition.UNREACHABLE, connectivity=Connectivity.NEVER_SEEN) is Reading.OPEN


@pytest.mark.parametrize(
    ("state", "told", "found"),
    [
        (DeviceCondition.UNREACHABLE, {"connectivity": Connectivity.OFFLINE}, Reading.HOLDS),
        (DeviceCondition.LOST, {"connectivity": Connectivity.OFFLINE}, Reading.OVER),
        (DeviceCondition.OFFLINE, {"connectivity": Connectivity.OFFLINE}, Reading.HOLDS),
        (DeviceCondition.OFFLINE, {"connectivity": Connectivity.LOST}, Reading.OVER),
        (DeviceCondition.LOST, {"connectivity": Connectivity.LOST}, Reading.HOLDS),
        (DeviceCondition.UNREACHABLE, {}, Reading.OVER),
        (DeviceCondition.UNHEALTHY, {"health_status": HealthStatus.UNHEALTHY}, Reading.HOLDS),
        (DeviceCondition.UNHEALTHY, {"health_status": HealthStatus.DEGRADED}, Reading.OVER),
        (DeviceCondition.DEGRADED, {"health_status": HealthStatus.DEGRADED}, Reading.HOLDS),
        (DeviceCondition.DEGRADED, {"health_status": HealthStatus.UNHEALTHY}, Reading.HOLDS),
        (DeviceCondition.UNHEALTHY, {"health_status": HealthStatus.UNKNOWN}, Reading.OPEN),
        (DeviceCondition.DRIFTED, {"standing": Standing.BOTH}, Reading.HOLDS),
        (DeviceCondition.DRIFTED, {"standing": Standing.LAGGING}, Reading.OVER),
        (DeviceCondition.DRIFTED, {"standing": Standing.UNKNOWN}, Reading.OPEN),
        (DeviceCondition.OVERDUE, {"lag": LagKind.OVERDUE, "lag_known": True}, Reading.HOLDS),
        (DeviceCondition.OVERDUE, {"lag": None, "lag_known": True}, Reading.OVER),
        (DeviceCondition.OVERDUE, {"lag": LagKind.OVERDUE}, Reading.OPEN),
        (DeviceCondition.UPDATE_FAILED, {"lag": LagKind.FAILED, "lag_known": True}, Reading.HOLDS),
    ],
)
def test_each_state_is_read_from_its_own_fact(state: DeviceCondition, told: dict[str, Any], found: Reading) -> None:
    assert on(state, **told) is found


@pytest.mark.parametrize(
    "rule",
    [
        {"where": {"site": ("rome",)}},
        {"channel": "beta"},
        {"enabled": False},
    ],
)
def test_a_rule_is_not_for_every_device(rule: dict[str, Any]) -> None:
    assert reading(AlertRule(when=QUEUE.when, **rule), facts(figures={"queue_depth": 9000})) is Reading.NOT_MEANT


def test_a_device_that_is_shut_out_is_no_alert() -> None:
    assert on(DeviceCondition.UNREACHABLE, connectivity=Connectivity.LOST, quarantined=True) is Reading.NOT_MEANT


def rising(figures: list[tuple[int, float, int]]) -> Samples:
    samples = Samples()
    for second, value, boot in figures:
        told = facts(health={"cloud": {"dead_letters": value}}, boot=boot)
        samples = sampled(samples, told, RATE, second * 1000)
    return samples


def test_a_rise_is_known_once_so_long_was_looked_at() -> None:
    assert rising([(0, 0, 1), (30, 20, 1)]).rise(30_000, 60) is None
    assert rising([(0, 0, 1), (30, 20, 1), (61, 25, 1)]).rise(61_000, 60) == 25
    assert reading(AlertRule(when=RATE), facts(), rising([(0, 0, 1), (61, 11, 1)]), 61_000) is Reading.HOLDS


def test_an_agent_that_starts_anew_counts_anew() -> None:
    assert rising([(0, 500, 1), (61, 0, 2)]).rise(61_000, 60) is None


@given(st.lists(st.integers(1, 40), min_size=1, max_size=200))
def test_however_often_it_tells_few_samples_are_kept_and_the_rise_is_of_the_whole_time(gaps: list[int]) -> None:
    second, figures = 0, []
    for gap in gaps:
        second += gap
        figures.append((second, float(second), 1))
    samples = rising(figures)
    assert len(samples.values) <= SAMPLES_MAX + 3
    rise = samples.rise(second * 1000, RATE.within_seconds)
    if second - gaps[0] >= RATE.within_seconds + 80:
        assert rise is not None
        assert RATE.within_seconds <= rise <= RATE.within_seconds + 80

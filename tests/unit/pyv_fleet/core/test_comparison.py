"""Devices are the units: flapping, looking often and a clock of beats give no evidence; one figure a device does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyv_fleet.core.comparison import Before, Comparison, Sample, Seen, Yardstick
from pyv_fleet.core.words import Measure
from pyvorin_edge.vocabulary import HealthStatus

HEALTH = Yardstick(name=Measure.HEALTH.value, alpha=0.01, counts=True)
CPU = Yardstick(name=Measure.CPU.value, alpha=0.01, against_own=True)
RESTARTS = Yardstick(name=Measure.RESTARTS.value, alpha=0.01, counts=True)
REVERTS = Yardstick(name=Measure.REVERTS.value, alpha=0.01, counts=True)
WINDOW_MS = 60_000


def name_of(number: int) -> str:
    return f"FLEET-{number:02d}"


def begun(*yardsticks: Yardstick, wave: int = 5, control: int = 15, soaking: bool = True, **before: Any) -> Comparison:
    """A comparison of FLEET-00 … in the wave and the rest in the control, in its first window."""
    known: dict[str, Any] = {"figures": {"cpu": 10.0}, "totals": {"restarts": 3.0}} | before
    population = [Before(device_id=name_of(one), wave=one < wave, **known) for one in range(wave + control)]
    comparison = Comparison(population, yardsticks, 0)
    if soaking:
        comparison.look(0, 0, WINDOW_MS)
    return comparison


def said(number: int, health: HealthStatus | None = HealthStatus.HEALTHY, **more: Mapping[str, float]) -> Sample:
    return Sample(device_id=name_of(number), health=health, **more)


def after_window(comparison: Comparison, yardstick: Yardstick) -> Seen:
    comparison.look(WINDOW_MS, 0, WINDOW_MS)
    return comparison.seen[yardstick.name][-1]


def firsts(comparison: Comparison, yardstick: Yardstick = HEALTH) -> Seen:
    seen = comparison.firsts(yardstick)
    assert seen is not None
    return seen


def test_a_device_that_flaps_is_one_device() -> None:
    comparison = begun(HEALTH)
    for second in range(100):
        comparison.see([said(0, HealthStatus.UNHEALTHY if second % 2 else HealthStatus.HEALTHY)], second * 1000)
    assert firsts(comparison).wave.affected == 1


@given(st.lists(st.tuples(st.integers(0, 19), st.booleans(), st.integers(1, 9)), max_size=40), st.integers(1, 5))
def test_looks_at_which_nothing_is_new_change_nothing(turns: list[tuple[int, bool, int]], extra: int) -> None:
    rarely, often = begun(HEALTH), begun(HEALTH)
    now = 0
    for number, unhealthy, seconds in turns:
        now += seconds * 1000
        sample = said(number, HealthStatus.UNHEALTHY if unhealthy else HealthStatus.HEALTHY)
        rarely.see([sample], now)
        for more in range(extra):
            often.see([sample], now + more)
            often.look(now + more, 0, 10**9)
    assert often.firsts(HEALTH) == rarely.firsts(HEALTH)


def test_a_window_gives_the_share_of_time_that_a_device_was_unhealthy() -> None:
    comparison = begun(HEALTH)
    comparison.see([said(0, HealthStatus.UNHEALTHY), *map(said, range(1, 20))], 0)
    comparison.see([said(0)], WINDOW_MS // 4)
    seen = after_window(comparison, HEALTH)
    assert (seen.wave.affected, seen.wave.mean) == (1, pytest.approx(0.25 / 5))


def test_time_in_which_a_device_is_not_heard_is_neither_well_nor_ill() -> None:
    comparison = begun(HEALTH)
    comparison.see([said(one, None) for one in range(5)], 0)
    assert after_window(comparison, HEALTH).wave.devices == 0


def test_figures_count_against_the_devices_own_before() -> None:
    comparison = begun(CPU)
    comparison.see([said(one, readings={"cpu": 17.0 if one < 5 else 10.0}) for one in range(20)], 1000)
    seen = after_window(comparison, CPU)
    assert (seen.wave.mean, seen.control.mean) == (7.0, 0.0)
    assert seen.strongest > 100


def test_one_wild_reading_does_not_make_a_devices_figure() -> None:
    comparison = begun(CPU)
    for second, cpu in enumerate((11.0, 100.0, 11.0)):
        comparison.see([said(0, readings={"cpu": cpu})], second * 1000)
    assert after_window(comparison, CPU).wave.mean == 1.0


def test_a_device_without_a_figure_before_does_not_count() -> None:
    comparison = begun(CPU, figures={})
    comparison.see([said(0, readings={"cpu": 90.0})], 0)
    assert after_window(comparison, CPU).wave.devices == 0


def test_readings_of_before_the_soak_do_not_count() -> None:
    comparison = begun(CPU, soaking=False)
    comparison.see([said(0, readings={"cpu": 90.0})], 0)
    comparison.look(1000, 1000, WINDOW_MS)
    comparison.look(1000 + WINDOW_MS, 1000, WINDOW_MS)
    assert comparison.seen["cpu"][0].wave.devices == 0


@pytest.mark.parametrize(("later", "risen"), [(5.0, 2.0), (3.0, 0.0), (1.0, 1.0)])
def test_totals_count_by_what_they_rose_also_when_they_began_anew(later: float, risen: float) -> None:
    comparison = begun(RESTARTS)
    comparison.see([said(0, totals={"restarts": later})], 1000)
    assert after_window(comparison, RESTARTS).wave.mean == risen


def test_devices_that_went_back_by_themselves_are_counted_once() -> None:
    comparison = begun(REVERTS)
    for second in range(3):
        comparison.see([Sample(device_id=name_of(1), health=HealthStatus.HEALTHY, reverted=True)], second)
    assert firsts(comparison, REVERTS).wave.affected == 1


def test_a_device_that_is_not_compared_is_passed_over() -> None:
    comparison = begun(HEALTH)
    comparison.see([Sample(device_id="FLEET-late", health=HealthStatus.UNHEALTHY)], 0)
    assert firsts(comparison).wave.affected == firsts(comparison).control.affected == 0


def test_lower_may_be_worse() -> None:
    yardstick = Yardstick(name="throughput", alpha=0.01, lower_is_worse=True)
    comparison = begun(yardstick)
    comparison.read("throughput", {name_of(one): 50.0 if one < 5 else 100.0 for one in range(20)})
    seen = after_window(comparison, yardstick)
    assert (seen.worse_by, seen.strongest > 100) == (50.0, True)


def test_more_windows_never_ask_for_less_evidence_in_all() -> None:
    comparison = begun(CPU)
    for number in range(1, 200):
        comparison.look(number * WINDOW_MS, 0, WINDOW_MS)
    assert sum(1 / seen.needed for seen in comparison.seen["cpu"]) < CPU.alpha

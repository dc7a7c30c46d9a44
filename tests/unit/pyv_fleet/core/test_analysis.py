"""The wave against its control: what is bad, good, inconclusive, and when the analysis abstains; each in a sentence."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import pytest

from pyv_fleet.core.analysis import assess, join, window_ms, yardsticks
from pyv_fleet.core.analysis_terms import AnalysisTerms, OwnMetric
from pyv_fleet.core.comparison import Before, Comparison, Sample
from pyv_fleet.core.verdict import Wave
from pyv_fleet.core.views.analysis import AnalysisView, MeasureView
from pyv_fleet.core.words import Measure, Verdict, WaveState
from pyvorin_edge.vocabulary import HealthStatus

FIGURES = {"cpu": 10.0, "memory": 40.0, "queue": 0.0}
TOTALS = {"errors": 5.0, "restarts": 1.0}
SOAK_SECONDS = 120
WINDOW = window_ms(SOAK_SECONDS, 60)


def compared(
    wave: int,
    control: int,
    unhealthy: Iterable[int] = (),
    figures: dict[str, float] | None = None,
    spec: AnalysisTerms = AnalysisTerms(),  # noqa: B008 a frozen value
) -> AnalysisView:
    """A wave of devices 0 …, all heard in one window; `figures` are those of the wave, the control's are as before."""
    population = [
        Before(device_id=f"FLEET-{one:03d}", wave=one < wave, figures=FIGURES, totals=TOTALS)
        for one in range(wave + control)
    ]
    comparison = Comparison(population, yardsticks(spec, beat_seconds=60, soak_seconds=SOAK_SECONDS), 0)
    comparison.look(0, 0, WINDOW)
    ill = set(unhealthy)
    comparison.see(
        [
            Sample(
                device_id=device.device_id,
                health=HealthStatus.UNHEALTHY if one in ill else HealthStatus.HEALTHY,
                readings=FIGURES if figures is None or not device.wave else figures,
                totals=TOTALS,
            )
            for one, device in enumerate(population)
        ],
        1000,
    )
    comparison.look(WINDOW, 0, WINDOW)
    return assess(comparison, spec)


def measure(view: AnalysisView, name: str) -> MeasureView:
    return next(one for one in view.measures if one.measure == name)


def test_eleven_percent_against_one_is_bad_and_said_with_both_rates_and_counts() -> None:
    view = compared(200, 800, unhealthy=[*range(22), *range(200, 208)])
    assert view.verdict is Verdict.BAD
    assert "health: 22 of 200 devices of the wave (11.0%) became unhealthy against 8 of 800" in view.said
    assert "of the control (1.0%)" in view.said


def test_a_fleet_that_does_as_well_on_both_sides_is_good() -> None:
    view = compared(200, 800, unhealthy=[0, 1, *range(200, 208)])
    assert view.verdict is Verdict.GOOD
    assert "no worse than the control in health, cpu, memory, queue, errors, restarts" in view.said


def test_what_befalls_everybody_does_not_blame_the_wave() -> None:
    view = compared(100, 400, unhealthy=range(0, 500, 2))
    assert measure(view, "health").verdict is Verdict.GOOD


def test_processor_use_that_rises_in_the_wave_alone_is_bad_with_both_figures() -> None:
    view = compared(50, 200, figures=FIGURES | {"cpu": 22.0})
    assert "cpu: +12 points of processor use a device (50 devices) in the wave against +0 points" in view.said


def test_a_difference_that_does_not_matter_is_not_bad_however_sure_it_is() -> None:
    assert compared(50, 200, figures=FIGURES | {"cpu": 11.0}).verdict is Verdict.GOOD


def test_figures_that_the_wave_no_longer_gives_are_inconclusive_never_good() -> None:
    view = compared(50, 200, figures={})
    assert view.verdict is Verdict.INCONCLUSIVE
    assert "cpu: 0 of 50 devices of the wave and 200 of 200 of the control gave figures" in view.said


@pytest.mark.parametrize(("wave", "control"), [(1, 102), (4, 96), (20, 0), (20, 4)])
def test_it_abstains_with_too_few_devices_in_either_group(wave: int, control: int) -> None:
    view = compared(wave, control, unhealthy=range(wave))
    assert (view.verdict, view.measures) == (None, ())
    assert "5 are needed to compare: the budgets decide alone" in view.said


def test_a_group_so_small_that_nothing_could_show_is_not_called_good() -> None:
    assert measure(compared(5, 5), "cpu").verdict is None


def test_a_measure_that_does_not_decide_is_shown_and_changes_nothing() -> None:
    view = compared(50, 200, figures=FIGURES | {"cpu": 40.0}, spec=AnalysisTerms(decide=(Measure.HEALTH,)))
    assert (measure(view, "cpu").verdict, view.verdict) == (Verdict.BAD, Verdict.GOOD)


def test_all_deciding_measures_together_use_no_more_than_alpha() -> None:
    own = (OwnMetric(name="latency", query="x"), OwnMetric(name="idle", query="y", dry_run=True))
    sticks = yardsticks(AnalysisTerms(metrics=own), beat_seconds=60, soak_seconds=600)
    assert sum(stick.alpha for stick in sticks if stick.decides) == pytest.approx(0.05)


def test_reverts_are_shown_and_left_to_their_budget() -> None:
    assert not measure(compared(50, 200), "reverts").decides


def test_nothing_is_said_to_be_good_before_a_window_is_over() -> None:
    population = [Before(device_id=f"FLEET-{one}", wave=one < 10, figures=FIGURES) for one in range(60)]
    sticks = yardsticks(AnalysisTerms(), beat_seconds=60, soak_seconds=60)
    view = assess(Comparison(population, sticks, 0), AnalysisTerms())
    assert (view.verdict, view.said) == (None, "nothing to compare with the control yet")


@pytest.mark.parametrize(
    ("soak", "beat", "milliseconds"),
    [(60, 60, 60_000), (600, 60, 150_000), (300, 60, 150_000), (3600, 0, 3_600_000), (10, 60, 10_000)],
)
def test_a_window_holds_two_beats_and_a_soak_four_windows_at_most(soak: int, beat: int, milliseconds: int) -> None:
    assert window_ms(soak, beat) == milliseconds


SOAKING = Wave(number=0, state=WaveState.SOAKING, started_at=0, because="it soaks")
GOOD = msgspec.structs.replace(SOAKING, state=WaveState.JUDGED, verdict=Verdict.GOOD, because="20 took it")


def seen(verdict: Verdict | None) -> AnalysisView:
    return AnalysisView(verdict=verdict, said="what was seen")


def test_bad_ends_a_wave_in_the_middle_of_its_soak() -> None:
    wave = join(SOAKING, seen(Verdict.BAD), 7)
    assert (wave.state, wave.verdict, wave.because, wave.judged_at) == (
        WaveState.JUDGED,
        Verdict.BAD,
        "what was seen",
        7,
    )


@pytest.mark.parametrize("verdict", [None, Verdict.GOOD, Verdict.INCONCLUSIVE])
def test_a_wave_that_soaks_goes_on_while_nothing_bad_is_seen(verdict: Verdict | None) -> None:
    assert join(SOAKING, seen(verdict), 7) == SOAKING


@pytest.mark.parametrize(
    ("verdict", "joined"),
    [
        (None, Verdict.GOOD),
        (Verdict.GOOD, Verdict.GOOD),
        (Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE),
        (Verdict.BAD, Verdict.BAD),
    ],
)
def test_the_worse_of_both_holds(verdict: Verdict | None, joined: Verdict) -> None:
    wave = join(GOOD, seen(verdict), 7)
    assert (wave.verdict, "what was seen" in wave.because) == (joined, verdict is not None)


def test_what_the_budgets_called_bad_stays_so() -> None:
    bad = msgspec.structs.replace(GOOD, verdict=Verdict.BAD)
    assert join(bad, seen(Verdict.GOOD), 7) == bad


def test_without_an_analysis_the_budgets_decide() -> None:
    assert join(GOOD, None, 7) == GOOD

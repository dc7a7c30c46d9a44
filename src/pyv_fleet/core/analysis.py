"""Canary analysis: what the comparison of a wave with its control says, in a verdict and a sentence for each measure.

Bad = one of the deciding measures shows the wave worse than its control by more than chance explains, over all looks
and all measures with probability alpha at most. Good = it was compared and does not. Inconclusive = figures are missing
that should be there. None = it abstains: too few devices, or nothing to compare yet; the budgets decide alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from pyv_fleet.core.analysis_terms import AnalysisTerms
from pyv_fleet.core.comparison import Comparison, Seen, Side, Yardstick
from pyv_fleet.core.evidence import CERTAIN, strongest_possible
from pyv_fleet.core.verdict import Wave
from pyv_fleet.core.views.analysis import AnalysisView, MeasureView
from pyv_fleet.core.words import Measure, Verdict, WaveState

WINDOWS_MAX: Final = 4
#: figures that the beat carries
BEATEN: Final = (Measure.CPU, Measure.MEMORY, Measure.QUEUE)
_UNITS: Final = {
    Measure.CPU: " points of processor use",
    Measure.MEMORY: " points of memory",
    Measure.QUEUE: " waiting items",
    Measure.ERRORS: " errors",
    Measure.RESTARTS: " restarts",
}
#: by less than this in the mean the wave may be worse, however sure it is
_DIFFERENCES: Final = {
    Measure.CPU: 3.0,
    Measure.MEMORY: 3.0,
    Measure.QUEUE: 10.0,
    Measure.ERRORS: 0.1,
    Measure.RESTARTS: 0.05,
}


def yardsticks(spec: AnalysisTerms, *, beat_seconds: int, soak_seconds: int) -> tuple[Yardstick, ...]:
    """What is compared, and each measure's share of the false alarms: equal parts of alpha for those that decide."""
    own = [one for one in spec.metrics if not one.grouped]
    deciding = len(set(spec.decide)) + sum(not one.dry_run for one in own)
    alpha = spec.alpha_permyriad / 10_000 / max(1, deciding)
    heard_in_time = 0 < beat_seconds <= soak_seconds
    built_in = [
        Yardstick(
            name=measure.value,
            alpha=alpha,
            decides=measure in spec.decide,
            difference=_DIFFERENCES.get(measure, 0.0),
            counts=measure not in BEATEN,
            against_own=measure in BEATEN,
            required=measure is Measure.HEALTH or (measure in BEATEN and heard_in_time),
            unit=_UNITS.get(measure, ""),
        )
        for measure in Measure
    ]
    return (
        *built_in,
        *(
            Yardstick(
                name=one.name,
                alpha=alpha,
                decides=not one.dry_run,
                difference=one.difference,
                lower_is_worse=one.worse == "lower",
                required=True,
            )
            for one in own
        ),
    )


def window_ms(soak_seconds: int, beat_seconds: int) -> int:
    """How long figures are gathered before they are compared: up to four windows a soak, each of two beats or more."""
    windows = soak_seconds // (2 * beat_seconds) if beat_seconds else 1
    return soak_seconds * 1000 // max(1, min(WINDOWS_MAX, windows))


def assess(
    comparison: Comparison, spec: AnalysisTerms, others: Sequence[MeasureView] = (), why_not: str | None = None
) -> AnalysisView:
    """What is to be seen now; `others` are measures judged elsewhere (bounds of the user's own metrics), `why_not` says
    why the groups cannot be compared at all."""
    abstains = why_not or _abstains(comparison, spec)
    measures = [] if abstains else [_measure(comparison, one) for one in comparison.yardsticks]
    shown = (*measures, *others)
    verdict = _worst([one.verdict for one in shown if one.decides])
    return AnalysisView(
        verdict=verdict,
        said=_said(comparison, shown, verdict, abstains),
        wave_devices=comparison.wave,
        control_devices=comparison.control,
        measures=shown,
    )


def join(wave: Wave, analysis: AnalysisView | None, now: int) -> Wave:
    """The worse of the budgets' verdict and the analysis' own: bad at once, inconclusive where it would be good."""
    if analysis is None or wave.verdict is Verdict.BAD:
        return wave
    if analysis.verdict is Verdict.BAD:
        return msgspec.structs.replace(
            wave, state=WaveState.JUDGED, verdict=Verdict.BAD, because=analysis.said, judged_at=now
        )
    if wave.verdict is not Verdict.GOOD or analysis.verdict is None:
        return wave
    verdict = Verdict.INCONCLUSIVE if analysis.verdict is Verdict.INCONCLUSIVE else Verdict.GOOD
    return msgspec.structs.replace(wave, verdict=verdict, because=f"{wave.because}; {analysis.said}")


def _abstains(comparison: Comparison, spec: AnalysisTerms) -> str | None:
    for devices, group in ((comparison.wave, "wave"), (comparison.control, "control")):
        if devices < spec.min_devices:
            were = "device" if devices == 1 else "devices"
            return (
                f"{devices} {were} of the {group} were well and heard before, {spec.min_devices} are needed "
                "to compare: the budgets decide alone"
            )
    return None


def _measure(comparison: Comparison, yardstick: Yardstick) -> MeasureView:
    firsts, windows = comparison.firsts(yardstick), comparison.seen[yardstick.name]
    looks = ([] if firsts is None else [firsts]) + windows
    shown = max(looks, key=lambda seen: seen.strongest / seen.needed, default=None)
    if shown is not None and _is_worse(shown, yardstick):
        return _view(yardstick, Verdict.BAD, f"{_sentence(shown, yardstick)}: {_odds(shown)}")
    usual = next(iter(reversed(windows)), firsts)
    if usual is None:
        return _view(yardstick, None, f"{yardstick.name}: nothing to compare yet")
    missing = _missing(comparison, windows, yardstick)
    if missing is not None:
        return _view(yardstick, Verdict.INCONCLUSIVE if yardstick.required else None, missing)
    if yardstick.name == Measure.HEALTH and firsts is not None and windows:
        usual = firsts
    if yardstick.name != Measure.REVERTS and not windows:
        return _view(yardstick, None, _sentence(usual, yardstick))
    if not _could_tell(usual):
        return _view(yardstick, None, f"{yardstick.name}: so few devices could not show a difference")
    return _view(yardstick, Verdict.GOOD, f"{_sentence(usual, yardstick)}: no worse than chance explains")


def _view(yardstick: Yardstick, verdict: Verdict | None, said: str) -> MeasureView:
    return MeasureView(measure=yardstick.name, verdict=verdict, decides=yardstick.decides, said=said)


def _is_worse(seen: Seen, yardstick: Yardstick) -> bool:
    return seen.strongest >= seen.needed and seen.worse_by > 0 and seen.worse_by >= yardstick.difference


def _missing(comparison: Comparison, windows: Sequence[Seen], yardstick: Yardstick) -> str | None:
    """No data is never good: the wave's figures are missing in every window, of half its devices or more."""
    if not windows:
        return None
    wave, control = max(seen.wave.devices for seen in windows), max(seen.control.devices for seen in windows)
    if 2 * wave > comparison.wave and 2 * control > comparison.control:
        return None
    return (
        f"{yardstick.name}: {wave} of {comparison.wave} devices of the wave and {control} of {comparison.control} "
        "of the control gave figures in a window, too few to compare"
    )


def _could_tell(seen: Seen) -> bool:
    return strongest_possible(seen.wave.devices, seen.control.devices) >= seen.needed


def _sentence(seen: Seen, yardstick: Yardstick) -> str:
    match yardstick.name:
        case Measure.HEALTH if seen.window == 0:
            return f"health: {_of(seen.wave, 'wave')} became unhealthy against {_of(seen.control, 'control')}"
        case Measure.HEALTH:
            return (
                f"health: the devices of the wave were unhealthy for {seen.wave.mean:.1%} of window {seen.window} "
                f"({_of(seen.wave, 'wave')}) against {seen.control.mean:.1%} ({_of(seen.control, 'control')})"
            )
        case Measure.REVERTS:
            return f"reverts: {_of(seen.wave, 'wave')} went back by themselves against {_of(seen.control, 'control')}"
        case Measure.ERRORS | Measure.RESTARTS as name:
            return f"{name}: {_mean(seen.wave, yardstick, '')} in the wave against {_mean(seen.control, yardstick, '')}"
    sign = "+" if yardstick.against_own else ""
    wave, control = _mean(seen.wave, yardstick, sign), _mean(seen.control, yardstick, sign)
    return f"{yardstick.name}: {wave} in the wave against {control} in the control"


def _of(side: Side, group: str) -> str:
    share = side.affected / side.devices if side.devices else 0.0
    return f"{side.affected} of {side.devices} devices of the {group} ({share:.1%})"


def _mean(side: Side, yardstick: Yardstick, sign: str) -> str:
    return f"{side.mean:{sign}.3g}{yardstick.unit} a device ({side.devices} devices)"


def _odds(seen: Seen) -> str:
    so_rare = "1 in 10^12 or less" if seen.strongest >= CERTAIN else f"1 in {seen.strongest:,.0f} at most"
    return f"by chance {so_rare}, where 1 in {seen.needed:,.0f} is asked for"


def _worst(verdicts: Sequence[Verdict | None]) -> Verdict | None:
    given = [verdict for verdict in Verdict if verdict in verdicts]
    return given[-1] if given else None


def _said(comparison: Comparison, shown: Sequence[MeasureView], verdict: Verdict | None, abstains: str | None) -> str:
    guilty = [one.said for one in shown if one.decides and one.verdict is verdict]
    match verdict:
        case Verdict.BAD:
            return "the analysis says: " + "; ".join(guilty)
        case Verdict.INCONCLUSIVE:
            return "the analysis cannot say: " + "; ".join(guilty)
        case Verdict.GOOD:
            names = ", ".join(dict.fromkeys(one.measure for one in shown if one.decides and one.verdict is verdict))
            if abstains:
                return f"{abstains}; within the bounds of {names}"
            groups = f"{comparison.wave} devices of the wave against {comparison.control} of the control"
            return f"no worse than the control in {names} ({groups})"
    return abstains or "nothing to compare with the control yet"

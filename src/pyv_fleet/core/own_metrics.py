"""Metrics of the user's own: what a Prometheus answer says, and whether a wave keeps within the bounds of one.

No answer, an empty one, NaN and infinity are no value: the metric is then inconclusive, never good and never a fault.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from statistics import fmean
from typing import Any, Final

import msgspec

from pyv_fleet.core.analysis_terms import DEVICES_PLACE, OwnMetric
from pyv_fleet.core.views.analysis import MeasureView
from pyv_fleet.core.words import Verdict, Worse

DEVICE_LABEL: Final = "device_id"
_TOO_MANY: Final = "aggregate it, such as `avg(…)` for a group or `avg by (device_id) (…)` by device"


class NoValue(Exception):
    """There is no value; the message says why."""


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """How a metric's answers kept within its bounds so far."""

    #: broken ones in a row, and the sentence of the last
    broken: int = 0
    #: asked without a value, in a row
    unanswered: int = 0
    #: whether there was a value ever
    answered: bool = False
    #: what was seen last, in a sentence
    said: str = ""
    #: so many in a row broke the bounds; it does not mend
    bad: bool = False


def query_for(metric: OwnMetric, device_ids: Iterable[str]) -> str:
    """The query with a group's ids in its place. Ids are of letters, digits, `.`, `_` and `-`: a dot is quoted."""
    # in a PromQL string a backslash is written twice
    return metric.query.replace(DEVICES_PLACE, "|".join(one.replace(".", "\\\\.") for one in sorted(device_ids)))


def values_of(answer: Mapping[str, Any]) -> dict[str, float]:
    """The values in Prometheus' answer by device, "" for one without that label; NoValue says what is wrong with it."""
    data = answer.get("data")
    if answer.get("status") != "success" or not isinstance(data, dict):
        raise NoValue(f"Prometheus says: {str(answer.get('error', 'no success and no error'))[:200]}")
    match data.get("resultType"), data.get("result"):
        case "scalar", [_, value]:
            found = {"": value}
        case "vector", list(series):
            found = _by_device(series)
        case kind, _:
            raise NoValue(f"the query gives a {kind}; it must give a value a series at one time")
    numbers = {one: number for one, value in found.items() if (number := _number(value)) is not None}
    if not numbers:
        raise NoValue("the query finds nothing" if not found else "it gives no number (NaN or infinity)")
    return numbers


def value_of(answer: Mapping[str, Any]) -> float:
    """The one value of a group; NoValue says what is wrong with it."""
    numbers = values_of(answer)
    if len(numbers) != 1:
        raise NoValue(f"the query gives {len(numbers)} values for a group: {_TOO_MANY}")
    return next(iter(numbers.values()))


def after_values(before: Bounds, metric: OwnMetric, wave: float, control: float | None) -> Bounds:
    """An answer came: the wave's value, and the control's where it is compared."""
    broken = _broken(metric, wave, control)
    count = before.broken + 1 if broken else 0
    against = "" if control is None else f" against {control:.6g} in the control"
    said = f"{metric.name}: {wave:.6g} in the wave{against}" + (f", {broken}" if broken else "")
    if before.bad:
        return msgspec.structs.replace(before, unanswered=0)
    return Bounds(broken=count, answered=True, said=said, bad=count >= metric.failures)


def after_values_by_device(before: Bounds, metric: OwnMetric, wave: Iterable[float]) -> Bounds:
    """An answer by device came: the mean of the wave's."""
    values = list(wave)
    if not values:
        return after_no_value(before, metric, "it gives no value for a device of the wave")
    return after_values(before, metric, fmean(values), None)


def after_no_value(before: Bounds, metric: OwnMetric, why: str) -> Bounds:
    """No value came: neither good nor bad."""
    if before.bad:
        return before
    said = f"{metric.name}: no value: {why}"
    return msgspec.structs.replace(before, broken=0, unanswered=before.unanswered + 1, said=said)


def judged(bounds: Bounds, metric: OwnMetric) -> MeasureView | None:
    """What is to be seen of it now; none while nothing was asked, and for one that has no bounds and has values."""
    if bounds.bad:
        return _view(metric, Verdict.BAD, f"{bounds.said}, {metric.failures} times in a row")
    if bounds.unanswered and (not bounds.answered or bounds.unanswered >= metric.failures):
        return _view(metric, Verdict.INCONCLUSIVE, bounds.said)
    if not bounds.answered or not _has_bounds(metric):
        return None
    return _view(metric, Verdict.GOOD, f"{bounds.said}: within its bounds" if not bounds.broken else bounds.said)


def unasked(metric: OwnMetric, why: str) -> MeasureView:
    """Of a metric that cannot be asked for."""
    return _view(metric, Verdict.INCONCLUSIVE, f"{metric.name}: no value: {why}")


def _view(metric: OwnMetric, verdict: Verdict, said: str) -> MeasureView:
    return MeasureView(measure=metric.name, verdict=verdict, decides=not metric.dry_run, said=said)


def _has_bounds(metric: OwnMetric) -> bool:
    return metric.grouped or metric.max is not None or metric.min is not None


def _broken(metric: OwnMetric, wave: float, control: float | None) -> str | None:
    if metric.max is not None and wave > metric.max:
        return f"above {metric.max:g}"
    if metric.min is not None and wave < metric.min:
        return f"below {metric.min:g}"
    if control is None or metric.control_times is None:
        return None
    worse_by = wave - control if metric.worse is Worse.HIGHER else control - wave
    if worse_by <= metric.difference:
        return None
    high, low = (wave, control) if metric.worse is Worse.HIGHER else (control, wave)
    if high > low * metric.control_times:
        return f"more than {metric.control_times:g} times as bad as the control"
    return None


def _by_device(series: list[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in series:
        match one:
            case {"metric": dict(labels), "value": [_, value]}:
                device_id = str(labels.get(DEVICE_LABEL, ""))
            case _:
                raise NoValue("a series without labels or value is in the answer")
        if device_id in found:
            name = f"{DEVICE_LABEL}={device_id}" if device_id else f"series without {DEVICE_LABEL}"
            raise NoValue(f"the query gives two values for {name}: {_TOO_MANY}")
        found[device_id] = value
    return found


def _number(value: object) -> float | None:
    """Prometheus writes numbers as text."""
    try:
        number = float(value) if isinstance(value, str) else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None

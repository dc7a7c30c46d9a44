"""Gathers what a wave and its control say, device by device, and bets on who comes next (core/evidence.py).

Devices are the units, not readings: one that flaps a hundred times becomes unhealthy for the first time once, and
gives one figure a window. Every device that was well and heard when the wave began counts in its group from then on,
whatever it does: what the release changes is the only difference between the groups. It is a state machine with memory
of its own (thousands of devices, looked at every two seconds); looks at which nothing new was heard change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, median
from typing import Final

import msgspec

from pyv_fleet.core.evidence import Race, onwards
from pyv_fleet.core.words import Measure
from pyvorin_edge.vocabulary import HealthStatus

#: measures that are counted up since the agent's start
TOTALS: Final = (Measure.ERRORS, Measure.RESTARTS)


class Yardstick(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to compare on."""

    #: a Measure, or the name of a metric of the user's own
    name: str
    #: its share of the false alarms
    alpha: float
    decides: bool = True
    #: how much worse in the mean the wave must be before it counts
    difference: float = 0.0
    lower_is_worse: bool = False
    #: nought is good and most are at nought: only devices above it are in the order
    counts: bool = False
    #: against the device's own figure before the wave, which it must have
    against_own: bool = False
    #: whether missing figures make the wave inconclusive, rather than only this measure silent
    required: bool = False
    #: what stands behind the figure in a sentence
    unit: str = ""


class Before(msgspec.Struct, frozen=True, kw_only=True):
    """A device that was well and heard when the wave began."""

    device_id: str
    wave: bool
    #: its figures then
    figures: Mapping[str, float] = {}
    #: its totals then
    totals: Mapping[str, float] = {}


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """What is new of a device at a look."""

    device_id: str
    #: none = it cannot be heard
    health: HealthStatus | None
    reverted: bool = False
    #: figures that came since the last look
    readings: Mapping[str, float] = {}
    #: counted since the agent's start, as last heard
    totals: Mapping[str, float] = {}


class Side(msgspec.Struct, frozen=True):
    """One group in a window, or since the wave began."""

    devices: int
    #: of them: became unhealthy, went back, or lie above nought
    affected: int
    mean: float


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """The groups side by side: who came since the wave began (`window` 0), or the figures of a window (1, 2, …)."""

    window: int
    wave: Side
    control: Side
    #: evidence against chance is 1 in this, and 1 in `needed` is asked for
    strongest: float
    needed: float
    #: how worse the wave is in the mean; above nought = worse
    worse_by: float


class Comparison:
    """A wave and its control, from the wave's beginning."""

    def __init__(self, population: Sequence[Before], yardsticks: Sequence[Yardstick], began_at: int) -> None:
        self.yardsticks = tuple(yardsticks)
        #: group sizes
        self.wave = sum(one.wave for one in population)
        self.control = len(population) - self.wave
        #: what was seen by each yardstick, oldest first
        self.seen: dict[str, list[Seen]] = {one.name: [] for one in yardsticks}
        self._before = {one.device_id: one for one in population}
        self._health = dict.fromkeys(self._before, HealthStatus.HEALTHY)
        self._health_since = dict.fromkeys(self._before, began_at)
        self._known_ms: dict[str, int] = {}
        self._unhealthy_ms: dict[str, int] = {}
        self._readings: dict[str, dict[str, list[float]]] = {one.name: {} for one in yardsticks}
        self._totals = {one.device_id: dict(one.totals) for one in population}
        self._races = {name.value: Race(self.wave, self.control) for name in (Measure.HEALTH, Measure.REVERTS)}
        self._came: dict[str, list[str]] = {name: [] for name in self._races}
        self._came_ids: dict[str, set[str]] = {name: set() for name in self._races}
        self._window_began: int | None = None
        self._windows = 0

    def see(self, samples: Iterable[Sample], now: int) -> None:
        """What was heard since the last look; devices that do not count are passed over. Unix ms."""
        firsts: dict[str, list[str]] = {name: [] for name in self._races}
        for sample in samples:
            if sample.device_id not in self._before:
                continue
            self._see_health(sample, now)
            if sample.health is HealthStatus.UNHEALTHY:
                firsts[Measure.HEALTH].append(sample.device_id)
            if sample.reverted:
                firsts[Measure.REVERTS].append(sample.device_id)
            for name, value in sample.readings.items():
                self.read(name, {sample.device_id: value})
            if sample.totals:
                self._count(sample.device_id, sample.totals)
        for name, ids in firsts.items():
            self._race(name, ids)

    def read(self, name: str, values: Mapping[str, float]) -> None:
        """Figures of a measure that came, by device."""
        into = self._readings.get(name)
        if into is None or self._window_began is None:
            return
        for device_id, value in values.items():
            if device_id in self._before:
                into.setdefault(device_id, []).append(value)

    def look(self, now: int, soak_began: int | None, window_ms: int) -> None:
        """Windows run from the soak's first beginning on, one after the other; one that is over is compared."""
        if self._window_began is None:
            if soak_began is not None:
                self._open_window(now)
            return
        if now >= self._window_began + window_ms:
            self._close_window(now)
            self._open_window(now)

    def _see_health(self, sample: Sample, now: int) -> None:
        device_id = sample.device_id
        self._charge(device_id, now)
        self._health[device_id] = HealthStatus.UNKNOWN if sample.health is None else sample.health

    def _charge(self, device_id: str, now: int) -> None:
        """The time since the last look at a device goes to the health that it had."""
        since, self._health_since[device_id] = self._health_since[device_id], now
        health = self._health[device_id]
        if health is HealthStatus.UNKNOWN or self._window_began is None:
            return
        self._known_ms[device_id] = self._known_ms.get(device_id, 0) + now - max(since, self._window_began)
        if health is HealthStatus.UNHEALTHY:
            unhealthy = self._unhealthy_ms.get(device_id, 0)
            self._unhealthy_ms[device_id] = unhealthy + now - max(since, self._window_began)

    def _count(self, device_id: str, totals: Mapping[str, float]) -> None:
        known = self._totals[device_id]
        for name, total in totals.items():
            before = known.get(name)
            known[name] = total
            if before is not None:
                # a total that fell began anew at nought
                self.read(name, {device_id: total - before if total >= before else total})

    def _race(self, name: str, device_ids: Iterable[str]) -> None:
        """Those of one look come in the order of their ids, which knows nothing of the salt."""
        came = self._came_ids[name]
        new = sorted(one for one in device_ids if one not in came)
        if not new:
            return
        came.update(new)
        self._came[name] += new
        self._races[name] = onwards(self._races[name], [self._before[one].wave for one in new])

    def firsts(self, yardstick: Yardstick) -> Seen | None:
        """Who came since the wave began; none for a measure of figures alone. Half of health's share goes to it."""
        if yardstick.name not in self._races:
            return None
        in_wave = sum(self._before[one].wave for one in self._came[yardstick.name])
        in_control = len(self._came[yardstick.name]) - in_wave
        wave = Side(self.wave, in_wave, in_wave / max(1, self.wave))
        control = Side(self.control, in_control, in_control / max(1, self.control))
        return Seen(
            window=0,
            wave=wave,
            control=control,
            strongest=self._races[yardstick.name].strongest,
            needed=_share(yardstick, 0),
            worse_by=wave.mean - control.mean,
        )

    def _open_window(self, now: int) -> None:
        self._window_began = now
        self._windows += 1
        self._known_ms.clear()
        self._unhealthy_ms.clear()
        for into in self._readings.values():
            into.clear()

    def _close_window(self, now: int) -> None:
        for device_id in self._before:
            self._charge(device_id, now)
        for yardstick in self.yardsticks:
            if yardstick.name != Measure.REVERTS:
                values = self._values(yardstick)
                self.seen[yardstick.name].append(compared(values, self._before, yardstick, self._windows))

    def _values(self, yardstick: Yardstick) -> dict[str, float]:
        """One figure a device: the share of the time that it was unhealthy, the sum of what it counted, or the median
        of what it read, against its own before the wave."""
        name, into = yardstick.name, self._readings[yardstick.name]
        if name == Measure.HEALTH:
            return {one: self._unhealthy_ms.get(one, 0) / known for one, known in self._known_ms.items() if known}
        if name in TOTALS:
            return {one: sum(risen) for one, risen in into.items()}
        if not yardstick.against_own:
            return {one: median(read) for one, read in into.items()}
        own = {one: self._before[one].figures.get(name) for one in into}
        return {one: median(read) - at for one, read in into.items() if (at := own[one]) is not None}


def compared(values: Mapping[str, float], groups: Mapping[str, Before], yardstick: Yardstick, window: int) -> Seen:
    """One window by one yardstick: devices in the order of how bad their figure is, and the bet on it."""
    sign = -1.0 if yardstick.lower_is_worse else 1.0
    ordered = sorted(values, key=lambda one: (-sign * values[one], one))
    in_wave = [one for one in ordered if groups[one].wave]
    in_control = [one for one in ordered if not groups[one].wave]
    wave, control = _side(in_wave, values), _side(in_control, values)
    racing = [groups[one].wave for one in ordered if not yardstick.counts or values[one] > 0]
    return Seen(
        window=window,
        wave=wave,
        control=control,
        strongest=onwards(Race(wave.devices, control.devices), racing).strongest,
        needed=_share(yardstick, window),
        worse_by=sign * (wave.mean - control.mean),
    )


def _side(device_ids: Sequence[str], values: Mapping[str, float]) -> Side:
    figures = [values[one] for one in device_ids]
    return Side(len(figures), sum(figure > 0 for figure in figures), fmean(figures) if figures else 0.0)


def _share(yardstick: Yardstick, window: int) -> float:
    """The evidence that a look must reach: 1 in alpha, alpha shared out over first comers and any number of windows
    (1/2, 1/6, 1/12, … of it, which sum to 1), so that more windows never mean more false alarms."""
    alpha = yardstick.alpha / 2 if yardstick.name == Measure.HEALTH else yardstick.alpha
    return 1 / alpha if window == 0 else window * (window + 1) / alpha

"""Made-up fleets for the canary analysis: flapping, correlated, skewed; looked at every two seconds for the whole soak.

Not of the nice kind: a few devices do most of the flapping, sites fail together, processor use and queues have long
tails, and what a device shows hangs for minutes on what it showed before.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Final

from pyv_fleet.core.analysis import assess, window_ms, yardsticks
from pyv_fleet.core.analysis_terms import AnalysisTerms
from pyv_fleet.core.comparison import Before, Comparison, Sample
from pyv_fleet.core.words import Measure, Verdict
from pyvorin_edge.vocabulary import HealthStatus

LOOK_SECONDS: Final = 2
BEAT_SECONDS: Final = 60
SITE_DEVICES: Final = 20
EPISODE_SECONDS: Final = 90.0


@dataclass(frozen=True)
class World:
    """What befalls a fleet, and what the release does to the wave."""

    wave: int
    control: int
    soak_seconds: int = 1800
    #: share of devices that are unhealthy at any time, by flapping
    unhealthy: float = 0.01
    #: everybody, wave or not: a third become unhealthy for some minutes, all work harder
    fleet_event: bool = False
    #: whole sites become unhealthy together, one an hour each
    site_outages: bool = False
    #: share of the wave's devices that the release makes unhealthy, each from some time in the first `onset_seconds` on
    broken: float = 0.0
    onset_seconds: float = 60.0
    #: whether those that it breaks flap (unhealthy half of the time) rather than stay unhealthy
    broken_flap: bool = False
    #: points of processor use that the release adds
    cpu_added: float = 0.0


@dataclass(frozen=True)
class Ended:
    """How a run went: the verdict, when it was bad (seconds into the soak), and what was said."""

    verdict: Verdict | None
    bad_at_seconds: float | None
    said: str


def run(world: World, seed: int, spec: AnalysisTerms | None = None) -> Ended:
    """One wave's soak; the same seed gives the same."""
    spec = AnalysisTerms() if spec is None else spec
    chance = random.Random(seed)
    devices = [Device(number, world, chance) for number in range(world.wave + world.control)]
    drawn = set(chance.sample(range(len(devices)), world.wave))
    for device in devices:
        device.join(device.number in drawn, chance)
    _befall_all(devices, world, chance)
    well = [device for device in devices if not device.unhealthy_at(0)]
    population = [device.before() for device in well]
    sticks = yardsticks(spec, beat_seconds=BEAT_SECONDS, soak_seconds=world.soak_seconds)
    comparison = Comparison(population, sticks, 0)
    due = {0: well}
    for second in range(0, world.soak_seconds + 1, LOOK_SECONDS):
        heard = due.pop(second, [])
        comparison.see([device.news(second, chance) for device in heard], second * 1000)
        for device in heard:
            due.setdefault(device.speaks_next(second), []).append(device)
        comparison.look(second * 1000, 0, window_ms(world.soak_seconds, BEAT_SECONDS))
        seen = assess(comparison, spec)
        if seen.verdict is Verdict.BAD:
            return Ended(seen.verdict, second, seen.said)
    return Ended(seen.verdict, None, seen.said)


class Device:
    """One device: when it is unhealthy, and its figures from beat to beat."""

    def __init__(self, number: int, world: World, chance: random.Random) -> None:
        self.number = number
        self.id = f"FLEET-{chance.getrandbits(48):012x}"
        self._world = world
        self._wave = False
        # a tenth of the devices do nine tenths of the flapping
        share = world.unhealthy * (9.0 if chance.random() < 0.1 else 0.11)
        self._episodes = _flaps(share, world.soak_seconds, chance)
        self._level = chance.lognormvariate(2.5, 0.6)
        self._swing = chance.gauss(0, 1)
        self._beat = chance.randrange(0, BEAT_SECONDS, LOOK_SECONDS)
        self._queue = 0.0
        self._starts = 1
        self._starts_an_hour = 0.2 * chance.gammavariate(0.2, 5)
        self._errors = float(chance.randrange(100))
        self._quiet_until = 0.0
        self.loads: list[tuple[float, float]] = []

    def join(self, wave: bool, chance: random.Random) -> None:
        """The draw, and what the release does to it."""
        self._wave = wave
        if wave and chance.random() < self._world.broken:
            onset = chance.uniform(0, self._world.onset_seconds)
            if self._world.broken_flap:
                self._episodes += [(at + onset, end + onset) for at, end in _flaps(0.5, 10**4, chance)]
            else:
                self._episodes.append((onset, math.inf))

    def suffer(self, at: float, end: float) -> None:
        """It is unhealthy in that time."""
        self._episodes.append((at, end))

    def unhealthy_at(self, second: float) -> bool:
        """Whether it is."""
        return any(at <= second < end for at, end in self._episodes)

    def before(self) -> Before:
        """As it was when the wave began."""
        figures = {Measure.CPU.value: self._cpu(-1.0), Measure.MEMORY.value: self._level, Measure.QUEUE.value: 0.0}
        return Before(device_id=self.id, wave=self._wave, figures=figures, totals=self._totals())

    def speaks_next(self, second: int) -> int:
        """The next look at which there is something new of it."""
        beat = second + 1 + (self._beat - second - 1) % BEAT_SECONDS
        turn = math.ceil(min(self._quiet_until, beat) / LOOK_SECONDS) * LOOK_SECONDS
        return min(beat, turn)

    def news(self, second: int, chance: random.Random) -> Sample:
        """What is new of it at a look."""
        health = HealthStatus.UNHEALTHY if self._is_unhealthy(second) else HealthStatus.HEALTHY
        beats = second % BEAT_SECONDS == self._beat
        return Sample(
            device_id=self.id,
            health=health,
            readings=self._figures(second, chance) if beats else {},
            totals=self._totals() if beats else {},
        )

    def _is_unhealthy(self, second: int) -> bool:
        self._episodes = [(at, end) for at, end in self._episodes if end > second]
        unhealthy = any(at <= second for at, _ in self._episodes)
        edges = [edge for episode in self._episodes for edge in episode if edge > second]
        self._quiet_until = min(edges, default=math.inf)
        return unhealthy

    def _figures(self, second: int, chance: random.Random) -> dict[str, float]:
        self._swing = 0.95 * self._swing + 0.31 * chance.gauss(0, 1)
        self._queue = chance.lognormvariate(3, 1.5) if chance.random() < 0.02 else 0.8 * self._queue
        if chance.random() < self._starts_an_hour * BEAT_SECONDS / 3600:
            self._starts += 1
        self._errors += chance.random() < 0.01 * self._starts_an_hour
        memory = self._level + 2 * self._swing
        return {Measure.CPU.value: self._cpu(second), Measure.MEMORY.value: memory, Measure.QUEUE.value: self._queue}

    def _cpu(self, second: float) -> float:
        load = sum(added for at, added in self.loads if at <= second)
        added = self._world.cpu_added if self._wave and second >= 0 else 0.0
        return self._level * math.exp(0.4 * self._swing) + load + added

    def _totals(self) -> dict[str, float]:
        return {Measure.ERRORS.value: self._errors, Measure.RESTARTS.value: float(self._starts)}


def _flaps(share: float, seconds: float, chance: random.Random) -> list[tuple[float, float]]:
    """Times of being unhealthy, `share` of all time, each 90 s in the mean."""
    between = EPISODE_SECONDS * (1 - share) / share
    at = -chance.expovariate(1 / EPISODE_SECONDS) if chance.random() < share else chance.expovariate(1 / between)
    found = []
    while at < seconds:
        end = at + chance.expovariate(1 / EPISODE_SECONDS)
        found.append((at, end))
        at = end + chance.expovariate(1 / between)
    return found


def _befall_all(devices: list[Device], world: World, chance: random.Random) -> None:
    if world.fleet_event:
        at = chance.uniform(10, 0.8 * world.soak_seconds)
        for device in devices:
            device.loads.append((at, chance.uniform(5, 30)))
            if chance.random() < 1 / 3:
                begin = at + chance.uniform(0, 60)
                device.suffer(begin, begin + chance.uniform(60, 600))
    if world.site_outages:
        for site in range(0, len(devices), SITE_DEVICES):
            at = chance.expovariate(1 / 3600)
            for device in devices[site : site + SITE_DEVICES]:
                begin = at + chance.uniform(0, 4)
                device.suffer(begin, begin + 300)

"""How often the canary analysis calls a harmless release bad, and how often it finds a bad one, in simulation.

`make bench-canary`; see docs/explanation/canary-analysis.md. Fleets are tests/running/canary_fleet.py's; each run looks
every 2 s for the whole soak and stops at the first bad verdict. Intervals are exact (Clopper and Pearson), 95 %.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from statistics import median
from typing import Final

from pyv_fleet.core.words import Verdict
from running.canary_fleet import Ended, World, run

FALSE_ALARMS_MAX: Final = 0.05
DETECTED_MIN: Final = 0.90

SIZES: Final = ((5, 95), (20, 180), (200, 400))
HARMLESS: Final = {
    f"{name}, wave of {wave}, control of {control}": World(wave, control, **kind)
    for name, kind in (
        ("flapping", {}),
        ("fleet-wide event", {"fleet_event": True}),
        ("site outages", {"site_outages": True}),
    )
    for wave, control in SIZES
}
REGRESSIONS: Final = {
    "1 % → 11 % at once, control of 800": World(200, 800, broken=0.1),
    "1 % → 11 % at once, control of 200": World(200, 200, broken=0.1),
    "1 % → 11 % over the first half of the soak, control of 800": World(200, 800, broken=0.1, onset_seconds=900),
    "1 % → 11 % over the first half of the soak, control of 200": World(200, 200, broken=0.1, onset_seconds=900),
    "1 % → 11 % during a fleet-wide event, control of 800": World(200, 800, broken=0.1, fleet_event=True),
    "1 % → 11 % within a soak of 120 s, control of 800": World(200, 800, soak_seconds=120, broken=0.1),
    "20 of 200 devices flap, half of the time unhealthy, control of 800": World(
        200, 800, broken=0.1, broken_flap=True, onset_seconds=900
    ),
    "8 points of processor use, control of 800": World(200, 800, cpu_added=8.0),
}


#: whose detection is promised
PROMISED: Final = tuple(REGRESSIONS)[:2]


@dataclass
class Figure:
    """One world's runs: how many were judged bad, of how many; in parts, with the interval that holds the true rate."""

    world: str
    regression: bool
    runs: int
    bad: int
    rate: float
    low: float
    high: float
    #: how long into the soak it was called bad, the median run
    bad_at_seconds: float | None


def measure(name: str, world: World, seeds: range, pool: ProcessPoolExecutor, *, regression: bool) -> Figure:
    """All runs of one world."""
    ends: list[Ended] = list(pool.map(partial(run, world), seeds, chunksize=10))
    bad = [one for one in ends if one.verdict is Verdict.BAD]
    low, high = interval(len(bad), len(ends))
    when = median(one.bad_at_seconds or 0.0 for one in bad) if bad else None
    return Figure(name, regression, len(ends), len(bad), len(bad) / len(ends), low, high, when)


def interval(hits: int, runs: int, alpha: float = 0.05) -> tuple[float, float]:
    """The exact interval of a rate (Clopper and Pearson), by halving."""
    low = 0.0 if hits == 0 else _root(lambda p: 1 - _at_most(hits - 1, runs, p) - alpha / 2)
    high = 1.0 if hits == runs else _root(lambda p: alpha / 2 - _at_most(hits, runs, p))
    return low, high


def _at_most(hits: int, runs: int, p: float) -> float:
    if p in (0.0, 1.0):
        return 1.0 if p == 0.0 or hits >= runs else 0.0
    all_ways = math.lgamma(runs + 1)
    logs = (
        all_ways - math.lgamma(k + 1) - math.lgamma(runs - k + 1) + k * math.log(p) + (runs - k) * math.log1p(-p)
        for k in range(hits + 1)
    )
    return math.fsum(map(math.exp, logs))


def _root(rising: Callable[[float], float]) -> float:
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if rising(middle) > 0 else (middle, high)
    return (low + high) / 2


def _shown(figure: Figure) -> str:
    when = "" if figure.bad_at_seconds is None else f"; bad after {figure.bad_at_seconds:g} s (median)"
    return (
        f"{figure.world}: {figure.bad} of {figure.runs} judged bad, {figure.rate:.1%} "
        f"(95 %: {figure.low:.1%} to {figure.high:.1%}){when}"
    )


def main() -> int:
    """0 = both promises hold, by the interval's bad end; 1 = one does not, or these were too few runs to tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=400, help="a world (default 400)")
    parser.add_argument("--seed", type=int, default=1, help="of the first run; the next have the next (default 1)")
    parser.add_argument("--only", default="", help="worlds whose name holds this text")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    chosen = parser.parse_args()
    seeds = range(chosen.seed, chosen.seed + chosen.runs)
    figures = []
    with ProcessPoolExecutor(chosen.processes) as pool:
        for name, world in (HARMLESS | REGRESSIONS).items():
            if chosen.only not in name:
                continue
            figures.append(measure(name, world, seeds, pool, regression=name in REGRESSIONS))
            print(_shown(figures[-1]), file=sys.stdout if chosen.output == "text" else sys.stderr, flush=True)
    harmless = [one for one in figures if not one.regression]
    if harmless:
        bad, runs = sum(one.bad for one in harmless), sum(one.runs for one in harmless)
        figures.append(Figure("all harmless worlds", False, runs, bad, bad / runs, *interval(bad, runs), None))
        print(_shown(figures[-1]), file=sys.stdout if chosen.output == "text" else sys.stderr)
    if chosen.output == "json":
        print(json.dumps([asdict(one) for one in figures], indent=2))
    kept = all(one.high <= FALSE_ALARMS_MAX for one in harmless)
    kept = kept and all(one.low >= DETECTED_MIN for one in figures if one.world in PROMISED)
    print(
        "both promises hold" if kept else "a promise does not hold, or these were too few runs to tell", file=sys.stderr
    )
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())

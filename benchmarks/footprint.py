"""What the agent costs a device, against a bare Python with paho connected, in the same run.

`make bench-footprint`; see docs/explanation/footprint.md.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from process import Fsyncs, Memory, import_seconds, imported, processor_seconds, threads, until
from stage import Cloud, Device, Stage, stage

from pyvorin_edge import topics
from pyvorin_edge.orders import Pace
from pyvorin_edge.vocabulary import Verb

DAY_SECONDS: Final = 86_400
MIB: Final = 1024 * 1024
#: the reports that a settled device sends without being asked stand this far apart
PACE: Final = Pace()
IDLE: Final[dict[str, Any]] = {"sensors": {"devices": []}}
#: the article's device: one sensor at the default interval, a cloud that is not there
ARTICLE: Final[dict[str, Any]] = {
    "sensors": {"devices": [{"name": "temperature", "ingest_type": "simulator", "unit": "C"}]},
    "cloud": {"enabled": True, "endpoint": "http://127.0.0.1:9/v1/ingest"},
}


@dataclass
class Figures:
    """Medians; seconds, bytes, counts. None = not measured."""

    baseline: Memory
    idle: Memory
    busy: Memory
    threads_idle: int
    start_seconds: float
    import_seconds: float
    modules: int
    readings_per_second: float
    processor_percent_idle: float
    processor_percent_busy: float
    beat_bytes: float | None
    report_bytes: int
    bytes_a_day: float | None
    fsyncs_per_hour_idle: float | None
    fsyncs_per_hour_article: float | None
    fsyncs_per_hour_busy: float | None
    starts: list[tuple[float, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Goal:
    """A line of issue 8."""

    what: str
    reached: float | None
    most: float

    @property
    def met(self) -> bool | None:
        return None if self.reached is None else self.reached <= self.most


def busy_config(endpoint: str) -> dict[str, Any]:
    """Ten sensors, ten readings a second each, a window and a rule over them, and a queue that is emptied."""
    devices = [{"name": f"sensor-{n}", "interval_seconds": 0.1, "seed": n} for n in range(10)]
    return {
        "sensors": {"devices": devices},
        "windows": {"named": [
            {"name": "ten", "sensor_pattern": "sensor-*", "seconds": 10.0, "aggregates": ["mean", "max"]}]},
        "rules": [{"name": "warm", "sensor_pattern": "sensor-*", "when": "value > 21 and mean > 20",
                   "cooldown_seconds": 10, "message": "{sensor} is at {value}"}],
        "cloud": {"enabled": True, "endpoint": endpoint, "flush_interval_seconds": 5.0},
    }  # fmt: skip


def main() -> int:
    """Measure, print, judge if asked."""
    options = _options()
    with stage() as place, _cloud() as cloud:
        figures = measure(place, cloud, options)
    goals = goals_of(figures)
    if options.output == "json":
        document = {**asdict(figures), "goals": [{**asdict(goal), "met": goal.met} for goal in goals]}
        print(json.dumps(document, indent=2))
    else:
        print(table(figures, goals, options))
    return 1 if options.check and any(goal.met is False for goal in goals) else 0


def measure(place: Stage, cloud: Cloud, options: argparse.Namespace) -> Figures:
    """Starts one after another, then three agents and the baseline side by side."""
    place.end_bare(place.bare())  # compiles what is not compiled yet: that would stay in its memory
    bare = place.bare()
    idle = Device(place, "idle", IDLE)
    article = Device(place, "article", ARTICLE)
    busy = Device(place, "busy", busy_config(cloud.endpoint))
    try:
        idle.launch()  # compiles what is not compiled yet
        idle.update()
        starts, modules = _starts(place, idle, options.runs)
        article.launch()
        busy.launch()
        for device in (article, busy):
            device.update()
        return _side_by_side(bare.pid, idle, article, busy, starts, modules, options)
    finally:
        for device in (idle, article, busy):
            device.close()
        place.end_bare(bare)


def _starts(place: Stage, idle: Device, runs: int) -> tuple[list[tuple[float, float]], list[str]]:
    """Cold starts with a release committed, each beside the bare imports of the same modules."""
    idle.end()
    idle.launch("-X", "importtime")
    until(lambda: idle.door.bytes_in > 0, "the agent speaks with its fleet")
    modules = imported(idle.log)
    found = []
    for _ in range(runs):
        idle.end()
        bare = import_seconds(place.python, modules, place.device_environment)
        found.append((idle.launch(), bare))
    return found, modules


def _side_by_side(
    bare: int,
    idle: Device,
    article: Device,
    busy: Device,
    starts: list[tuple[float, float]],
    modules: list[str],
    options: argparse.Namespace,
) -> Figures:
    devices = (idle, article, busy)
    time.sleep(options.settle_seconds)
    began, used = time.monotonic(), [processor_seconds(device.pid) for device in devices]
    fsyncs = [Fsyncs(device.pid, idle._stage.root / f"strace.{device._channel}") for device in devices]
    read = _readings(busy)
    beat_bytes = _beat_bytes(idle, options.beats)
    rest = options.seconds - (time.monotonic() - began)
    if rest > 0:
        time.sleep(rest)
    seconds = time.monotonic() - began
    per_hour = [one.per_hour() for one in fsyncs]
    percent = [100 * (processor_seconds(d.pid) - was) / seconds for d, was in zip(devices, used, strict=True)]
    memory = Memory.of(bare), Memory.of(idle.pid), Memory.of(busy.pid)
    report_bytes = _report_bytes(idle)
    return Figures(
        *memory,
        threads_idle=threads(idle.pid),
        start_seconds=statistics.median(start for start, _ in starts),
        import_seconds=statistics.median(bare for _, bare in starts),
        modules=len(modules),
        readings_per_second=(_readings(busy) - read) / seconds,
        processor_percent_idle=percent[0],
        processor_percent_busy=percent[2],
        beat_bytes=beat_bytes,
        report_bytes=report_bytes,
        bytes_a_day=None if beat_bytes is None else (
            beat_bytes * DAY_SECONDS / PACE.beat_seconds + report_bytes * DAY_SECONDS / PACE.report_seconds
        ),
        fsyncs_per_hour_idle=per_hour[0],
        fsyncs_per_hour_article=per_hour[1],
        fsyncs_per_hour_busy=per_hour[2],
        starts=starts,
    )  # fmt: skip


def _beat_bytes(device: Device, beats: int) -> float | None:
    """Bytes that the device sends from beat to beat, with the pings between them, as its broker's door counts them."""
    if not beats:
        return None
    topic = topics.beat(device.device_id)

    def count() -> int:
        return sum(name == topic for name, _ in list(device.carrier.said))

    marks = []
    for _ in range(beats + 1):
        before = count()
        until(lambda before=before: count() > before, "a beat", PACE.beat_seconds * 2, 0.05)  # type: ignore[misc]
        time.sleep(0.5)  # a ping that goes with it
        marks.append(device.door.bytes_in)
    return (marks[-1] - marks[0]) / beats


def _report_bytes(device: Device) -> int:
    """Bytes that one report sends; asked for, as a settled device reports every quarter of an hour."""
    reports = device.reports()
    before = device.door.bytes_in
    device.fleet.request(Verb.REPORT, reports[-1].boot_id)
    until(lambda: len(device.reports()) > len(reports), "a report that was asked for", every_seconds=0.05)
    time.sleep(0.2)
    return device.door.bytes_in - before


def _readings(device: Device) -> int:
    return int(device.health()["agent"]["readings_processed"])


def goals_of(found: Figures) -> list[Goal]:
    """Those of issue 8."""
    idle = found.fsyncs_per_hour_idle
    return [
        Goal("private memory, idle / baseline", found.idle.private / found.baseline.private, 1.6),
        Goal("RSS, idle / baseline", found.idle.rss / found.baseline.rss, 2.0),
        Goal("private memory, 100 readings/s / baseline", found.busy.private / found.baseline.private, 1.6),
        Goal("RSS, 100 readings/s / baseline", found.busy.rss / found.baseline.rss, 2.0),
        Goal("start / its imports", found.start_seconds / found.import_seconds, 3.0),
        Goal("fsyncs a minute, idle, default settings", None if idle is None else idle / 60, 10.0),
    ]


def table(found: Figures, goals: list[Goal], options: argparse.Namespace) -> str:
    """For a person."""
    lines = [
        f"{'':34}{'RSS':>9}{'PSS':>9}{'private':>9}  MiB",
        _memory("bare Python, paho over TLS", found.baseline),
        _memory("agent, idle", found.idle),
        _memory("agent, 100 readings/s", found.busy),
        "",
        f"start to healthy                  {found.start_seconds:9.2f} s   (median of {len(found.starts)})",
        f"bare imports of the same          {found.import_seconds:9.2f} s   ({found.modules} modules)",
        f"threads, idle                     {found.threads_idle:9}",
        f"processor, idle                   {found.processor_percent_idle:9.2f} %",
        f"processor, busy                   {found.processor_percent_busy:9.2f} %   "
        f"({found.readings_per_second:.0f} readings/s)",
        f"sent from beat to beat            {_shown(found.beat_bytes)} bytes",
        f"sent for a report                 {found.report_bytes:9} bytes",
        f"sent in a day, idle               {_shown(found.bytes_a_day and found.bytes_a_day / 1024)} KiB of TLS",
        f"fsyncs an hour, idle              {_shown(found.fsyncs_per_hour_idle)}",
        f"  one sensor each 5 s, no cloud   {_shown(found.fsyncs_per_hour_article)}",
        f"  100 readings/s, cloud answers   {_shown(found.fsyncs_per_hour_busy)}",
        "",
        *(
            f"{goal.what:44}{_shown(goal.reached, 2)}  at most {goal.most:4}  "
            f"{ {True: 'met', False: 'MISSED', None: 'not measured'}[goal.met] }"
            for goal in goals
        ),
    ]
    return "\n".join(lines)


def _memory(name: str, found: Memory) -> str:
    return f"{name:34}{found.rss / MIB:9.1f}{found.pss / MIB:9.1f}{found.private / MIB:9.1f}"


def _shown(value: float | None, places: int = 0) -> str:
    return f"{'-':>9}" if value is None else f"{value:9.{places}f}"


@contextmanager
def _cloud() -> Iterator[Cloud]:
    cloud = Cloud()
    try:
        yield cloud
    finally:
        cloud.close()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="footprint", description=__doc__)
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table")
    parser.add_argument("--runs", type=int, default=5, help="cold starts")
    parser.add_argument("--seconds", type=float, default=120.0, help="how long fsyncs are counted, at least")
    parser.add_argument("--settle-seconds", type=float, default=10.0, help="rest before the counting")
    parser.add_argument("--beats", type=int, default=2, help="beats to wait for; 0 = do not count what is sent")
    parser.add_argument("--check", action="store_true", help="end with status 1 if a goal is missed")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

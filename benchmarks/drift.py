"""What drift costs the controller: the comparison's share of taking a report in, over a whole fleet's reports.

`make bench-drift`. The real intake over a real store, no network: reports are made before the clock starts. Both times
are processor time of the same run, so a busy machine changes neither's share. What is compared on each report are words
that are there: standing and paths before and after. A device that begins to drift, or ends, costs an alert besides.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from sqlalchemy import insert

from pyv_fleet.engine.intake import BATCH_MAX, Intake
from pyv_fleet.store.devices import DeviceRecord
from pyv_fleet.store.records import values_of
from pyv_fleet.store.schema import device_status, devices
from pyv_fleet.store.status import StatusRecord
from pyvorin_edge.orders import EMPTY_OVERLAY
from pyvorin_edge.report import DriftState
from pyvorin_edge.vocabulary import DriftKind, Standing
from running.bench import Bench, bench, said

SHARE_MAX: Final = 0.05
HEALTH: Final = {
    "status": "healthy",
    "metrics": {"cpu_percent": 12.5, "ram_percent": 40.0, "disk_percent": 51.0, "thermal_celsius": 48.1},
    "cloud": {"queue_depth": 17, "messages_sent_today": 1234, "endpoint": "https://ingest.example/v1/ingest"},
    "ingest": {"adapters_connected": ["line-1", "line-2"], "devices_configured": 2},
}
WELL: Final = DriftState(standing=Standing.IN_STEP, applied_hash="a" * 64, live_hash="a" * 64)
EDITED: Final = DriftState(
    standing=Standing.DRIFTED, kinds=(DriftKind.EDITED,), applied_hash="a" * 64, live_hash="b" * 64,
    paths=("/logging/level", "/windows/default_size"), since=1,
)  # fmt: skip


@dataclass
class Figure:
    """One round of reports. Seconds of processor time."""

    round: str
    reports: int
    drifted: int
    ingest_seconds: float
    drift_seconds: float

    @property
    def share(self) -> float:
        """The comparison's part of ingest."""
        return self.drift_seconds / self.ingest_seconds


class Watch:
    """Adds up what the intake spends on drift."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._real = Intake._drift

    def __enter__(self) -> Watch:
        async def timed(intake: Intake, connection: Any, said: Any) -> None:
            began = time.process_time()
            await self._real(intake, connection, said)
            self.seconds += time.process_time() - began

        Intake._drift = timed  # type: ignore[method-assign]
        return self

    def __exit__(self, *_: object) -> None:
        Intake._drift = self._real  # type: ignore[method-assign]


async def measure(root: Path, count: int, drifted_permille: int) -> list[Figure]:
    """Rounds: they come, nobody drifts, some begin to, they stay so, they are back."""
    names = [f"FLEET-{number:012x}" for number in range(count)]
    some = set(names[:: 1000 // drifted_permille]) if drifted_permille else set()
    async with bench(root) as place:
        await _enrolled(place, names)
        rounds = {
            "first heard": set(), "all in step": set(), "some begin to drift": some, "they stay drifted": some,
            "healed": set(),
        }  # fmt: skip
        return [
            await _round(place, name, seq + 1, names, drifted) for seq, (name, drifted) in enumerate(rounds.items())
        ]


async def _round(place: Bench, name: str, seq: int, names: list[str], drifted: set[str]) -> Figure:
    messages = [
        said(one, seq=seq, channel="stable", drift=EDITED if one in drifted else WELL, health=HEALTH) for one in names
    ]
    with Watch() as watch:
        began = time.process_time()
        for at in range(0, len(messages), BATCH_MAX):
            await place.heard(*messages[at : at + BATCH_MAX])
        return Figure(name, len(messages), len(drifted), time.process_time() - began, watch.seconds)


async def _enrolled(place: Bench, names: list[str]) -> None:
    """As if they had enrolled: keys and certificates have no part in this."""
    blank = DeviceRecord(
        device_id="", key_sha256="", incarnation=1, quarantined=False, enrolled_at=0, channel="stable", labels={},
        overlay={}, overlay_digest=EMPTY_OVERLAY, pin=None, tz="UTC", min_generation=0, epoch=1, number=0,
        assignment=b"", published_at=0,
    )  # fmt: skip
    for at in range(0, len(names), 5000):
        part = names[at : at + 5000]
        async with place.database.begin() as connection:
            await connection.execute(insert(devices), [values_of(blank) | {"device_id": one} for one in part])
            rows = [values_of(StatusRecord(device_id=one)) for one in part]
            await connection.execute(insert(device_status), rows)


def main() -> int:
    """Print the figures; 1 if the comparison of a fleet in step costs more than the promised share."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", type=int, default=100_000)
    parser.add_argument("--drifted", type=int, default=10, help="of 1000 devices; a divisor of 1000, or 0")
    parser.add_argument("-o", choices=("text", "json"), default="text")
    asked = parser.parse_args()
    with TemporaryDirectory(prefix="bench-drift-") as root:
        figures = asyncio.run(measure(Path(root), asked.devices, asked.drifted))
    if asked.o == "json":
        print(json.dumps([asdict(one) | {"share": one.share} for one in figures], indent=2))
    else:
        for one in figures:
            per = 1e6 * one.drift_seconds / one.reports
            print(
                f"{one.round:20} {one.reports} reports, {one.drifted} drifted: ingest {one.ingest_seconds:.2f} s CPU, "
                f"drift {one.drift_seconds:.3f} s = {100 * one.share:.2f} %, {per:.2f} µs a report"
            )
    quiet = [one for one in figures if one.round in ("all in step", "they stay drifted")]
    late = [one for one in quiet if one.share > SHARE_MAX]
    for one in late:
        print(f"{one.round}: {100 * one.share:.1f} % of ingest, {100 * SHARE_MAX:.0f} % at most", file=sys.stderr)
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())

"""`pyv-fleet simulate`: many devices in one process."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pyv_fleet.simulate.fleet import Seat


@click.command("simulate")
@click.option("--api", required=True, help="The controller's API, https://HOST:PORT.")
@click.option("--token-file", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=True)
@click.option("--count", type=click.IntRange(1, 20_000), default=100, show_default=True)
@click.option("--prefix", default="sim", show_default=True, help="Serials are PREFIX-1, PREFIX-2 …")
@click.option("--dir", "folder", type=click.Path(path_type=Path), required=True, help="For keys and certificates.")
@click.option("--config", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="What they begin with.")
@click.option("--reach-seconds", type=click.FloatRange(0.1), default=600.0, show_default=True,
              help="After a change of code, so long may the fleet be out of reach.")  # fmt: skip
@click.option("--watchdog-seconds", type=click.FloatRange(0.1), default=60.0, show_default=True,
              help="A process that hangs (with a sensor named fault-hang) is ended after so long.")  # fmt: skip
@click.option("--leak-percent", type=click.FloatRange(0.0), default=0.5, show_default=True,
              help="Memory that a process takes every second, with a sensor named fault-leak.")  # fmt: skip
@click.option("--durable", type=click.Path(path_type=Path, file_okay=False),
              help="Each device's memory and config on disk there too, fsynced as a real agent does it.")  # fmt: skip
@click.option("--ready-file", type=click.Path(path_type=Path), help="Written when all have enrolled.")
def simulate_command(
    api: str, token_file: Path, count: int, prefix: str, folder: Path, config: Path | None, ready_file: Path | None,
    reach_seconds: float, watchdog_seconds: float, leak_percent: float, durable: Path | None,
) -> None:  # fmt: skip
    """Enrol simulated devices with one counted token and run them until stopped."""
    from pyv_edge_agent.link.interface import LinkError
    from pyv_fleet.simulate.fleet import enrol_all
    from pyvorin_edge.enrolment import TokenError, parse_token

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("gmqtt").setLevel(logging.CRITICAL)  # each session tells of its own end
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    serials = [f"{prefix}-{number}" for number in range(1, count + 1)]
    try:
        token = parse_token(token_file.read_text(encoding="utf-8"))
        seats = enrol_all(api, token, serials, folder, lambda done: _progress(done, count))
    except (LinkError, TokenError, OSError) as why:
        raise click.ClickException(f"enrolment: {why}") from None
    live = config.read_bytes() if config is not None else _first_config()
    if ready_file is not None:
        ready_file.write_text(f"{len(seats)}\n", encoding="utf-8")
    _run(seats, live, reach_seconds, watchdog_seconds, leak_percent, durable)


def _progress(done: int, count: int) -> None:
    if done % 25 == 0 or done == count:
        print(f"enrolled {done} of {count}", file=sys.stderr, flush=True)  # noqa: T201 - talk on stderr


def _first_config() -> bytes:
    return resources.files("pyv_fleet.simulate").joinpath("config.toml").read_bytes()


def _run(
    seats: list[Seat],
    live: bytes,
    reach_seconds: float,
    watchdog_seconds: float,
    leak_percent: float,
    durable: Path | None,
) -> None:
    import uvloop

    from pyv_edge_agent.core.device import Limits
    from pyv_fleet.simulate.fault import Surroundings
    from pyv_fleet.simulate.fleet import run_all
    from pyv_fleet.simulate.kept import Kept

    def disk_of(device_id: str) -> Kept | None:
        return None if durable is None else Kept(durable / device_id)

    async def until_stopped() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        around = Surroundings(watchdog_seconds=watchdog_seconds, leak_percent_per_second=leak_percent)
        await run_all(seats, live, {}, stop, around, Limits(reach_seconds=reach_seconds), disk_of)

    uvloop.run(until_stopped())

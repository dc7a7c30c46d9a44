"""`history`: what happened on this device, in order."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec

from pyv_edge_agent.cli.options import now_ms, talk, with_place
from pyv_edge_agent.cli.sentences import history_line
from pyv_edge_agent.state_dir import StateDir

if TYPE_CHECKING:
    from pyv_edge_agent.core.history import Line

_LOOK_SECONDS: Final = 0.5
_AGO: Final = re.compile(r"(\d{1,6})([smhd])")
_UNIT_MS: Final = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


@click.command()
@click.option("--since", metavar="TIME", help="From then on: 30m, 12h, 7d ago, or 2026-03-01T06:00:00Z.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="At most the last so many.")
@click.option("--follow", is_flag=True, help="Go on until Ctrl-C.")
@with_place
def history(since: str | None, limit: int, follow: bool, state_dir: Path, as_json: bool) -> None:
    """What happened on this device: starts, orders, updates and how they ended, drift, refusals, its link.

    Read from the state directory, whether an agent runs or not; with --json one object a line. Times are this device's,
    marked where its clock could not be believed.
    """
    from pyv_edge_agent.at_rest import history_of

    place = StateDir(state_dir)
    from_ms = parse_since(since, now_ms()) if since is not None else 0
    told = history_of(place)
    _show(tuple(line for line in told.lines if line.at >= from_ms)[-limit:], as_json)
    if told.passed_over:
        talk(f"{told.passed_over} lines were torn by a power cut or a full disk and passed over")
    last = told.lines[-1].n if told.lines else 0
    while follow:
        time.sleep(_LOOK_SECONDS)
        news = tuple(line for line in history_of(place).lines if line.n > last)
        _show(news, as_json)
        last = news[-1].n if news else last


def parse_since(text: str, now: int) -> int:
    """Unix ms of `30m` before `now`, or of a time as RFC 3339 writes it (UTC if it names no zone); UsageError."""
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return now - int(ago[1]) * _UNIT_MS[ago[2]]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError(f"--since {text!r}: write 30m, 12h, 7d, or 2026-03-01T06:00:00Z") from None
    return int((moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _show(lines: tuple[Line, ...], as_json: bool) -> None:
    for line in lines:
        if as_json:
            click.echo(msgspec.json.encode(line).decode())
        else:
            click.echo(history_line(msgspec.to_builtins(line)))

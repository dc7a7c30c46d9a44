"""`pyv-edge-agent run`, for click: its help and its mistakes. Plain words never come here (`run_words`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from pyv_edge_agent.run_words import PORT_MAX, RUN_OPTIONS, RunOption, Takes, WrongUsage, orders_of
from pyv_edge_agent.running import run_agent


def run(**said: Any) -> None:
    """Run the agent in the foreground, until SIGTERM or SIGINT; SIGHUP reloads the config.

    Exit status: 0 it was asked to end, 1 it failed, 2 wrong usage, 4 another agent runs on this state, 5 a part of it
    was stuck, 6 it was asked to end and could not close its queue in time.
    """
    try:
        orders = orders_of(said)
    except WrongUsage as why:
        raise click.UsageError(str(why)) from None
    run_agent(orders)


_TYPES: Final[dict[Takes, Any]] = {
    Takes.TEXT: click.STRING,
    Takes.DIRECTORY: click.Path(file_okay=False, path_type=Path),
    Takes.FILE: click.Path(dir_okay=False, path_type=Path),
    Takes.PORT: click.IntRange(0, PORT_MAX),
    Takes.SECONDS: click.FloatRange(min=0),
}


def _parameter(one: RunOption) -> click.Option:
    if one.takes is Takes.FLAG:
        return click.Option([one.words], is_flag=True, help=one.help)
    kind = click.Choice(one.choices) if one.takes is Takes.CHOICE else _TYPES[one.takes]
    return click.Option(
        [one.words], type=kind, default=one.default, show_default=True, envvar=one.variable, help=one.help
    )


run_command: Final = click.Command(
    "run", callback=run, params=[_parameter(one) for one in RUN_OPTIONS], help=run.__doc__
)

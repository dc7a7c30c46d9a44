"""`pyv-edge-agent`: provision, run, and ask the running agent. Errors are one line and a non-zero exit."""

from __future__ import annotations

from pathlib import Path

import click

from pyv_edge_agent.cli.applying import apply
from pyv_edge_agent.cli.asking import drift, health, rollback, show_version, status
from pyv_edge_agent.cli.configuring import config as config_group
from pyv_edge_agent.cli.failing import Commands
from pyv_edge_agent.cli.provisioning import provision
from pyv_edge_agent.cli.queueing import queue
from pyv_edge_agent.cli.running import run, run_agent
from pyv_edge_agent.main import AgentOptions


@click.group(cls=Commands, invoke_without_command=True)
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Run with this config, as `run --config FILE` does; its directory holds the state.",
)
@click.pass_context
def main(context: click.Context, config: Path | None) -> None:
    """The Pyvorin Edge agent on this device.

    Exit status: 0 done, 1 it failed, 2 wrong usage, 3 unhealthy or drifted.
    """
    if context.invoked_subcommand is not None:
        if config is not None:
            raise click.UsageError(f"give --config to `{context.invoked_subcommand}` itself")
    elif config is None:
        click.echo(context.get_help())
    else:
        run_agent(config, None, AgentOptions(), die_with_parent=False)


for command in (config_group, provision, run, status, health, drift, rollback, queue, show_version, apply):
    main.add_command(command)

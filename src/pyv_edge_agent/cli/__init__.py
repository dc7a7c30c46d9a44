"""`pyv-edge-agent`: provision, run, look at a device. An error is one line, and its exit status says which kind."""

from __future__ import annotations

from pathlib import Path

import click

from pyv_edge_agent.cli.applying import apply
from pyv_edge_agent.cli.configuring import config as config_group
from pyv_edge_agent.cli.diagnosing import diag
from pyv_edge_agent.cli.failing import Commands
from pyv_edge_agent.cli.locks import lock
from pyv_edge_agent.cli.looking import drift, health, show_version, status
from pyv_edge_agent.cli.provisioning import provision
from pyv_edge_agent.cli.queueing import queue
from pyv_edge_agent.cli.remembering import history
from pyv_edge_agent.cli.running import run_command
from pyv_edge_agent.cli.updating import rollback, update
from pyv_edge_agent.run_words import RunOrders
from pyv_edge_agent.running import run_agent


@click.group(cls=Commands, invoke_without_command=True)
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Run with this config, as `run --config FILE` does; its directory holds the state.",
)
@click.pass_context
def main(context: click.Context, config: Path | None) -> None:
    """The Pyvorin Edge agent on this device.

    Data goes to standard output, words to the person to standard error; --json answers in JSON.

    \b
    Exit status: 0 done                5 what was named is not on this device
                 1 it failed           6 it cannot be done as things stand
                 2 wrong usage         7 the update failed
                 3 unhealthy, drifted  8 it took too long
                 4 another agent runs (`run` also has 5 and 6 of its own)
    """
    if context.invoked_subcommand is not None:
        if config is not None:
            raise click.UsageError(f"give --config to `{context.invoked_subcommand}` itself")
    elif config is None:
        click.echo(context.get_help())
    else:
        run_agent(RunOrders(config=config))


for command in (
    config_group,
    provision,
    apply,
    run_command,
    status,
    health,
    drift,
    update,
    rollback,
    lock,
    history,
    queue,
    diag,
    show_version,
):
    main.add_command(command)

"""`pyv-fleet`: joins the commands; each is imported only when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from pyv_fleet.cli.lazy import Later, LazyGroup

COMMANDS: Final = {
    "demo": Later(
        "pyv_fleet.demo:demo_command", "The whole loop on this machine: controller, broker, agents, simulator."
    ),
    "serve": Later("pyv_fleet.serve:serve_command", "Run the controller."),
    "recover": Later("pyv_fleet.recover:recover_command", "Make a lost store again of what the broker holds."),
    "backup": Later("pyv_fleet.backup:backup_command", "Copy the controller's store, while it runs or rests."),
    "restore": Later("pyv_fleet.backup:restore_command", "Put a backup of the store back."),
    "simulate": Later("pyv_fleet.simulate.command:simulate_command", "Many simulated devices in one process."),
    "fleet": Later("pyv_fleet.cli.fleet:group", "Make a fleet, look at it."),
    "health": Later("pyv_fleet.cli.health:health", "How the fleet is: the figures, and who needs attention."),
    "attention": Later("pyv_fleet.cli.health:attention", "Devices that need a person, and why."),
    "device": Later("pyv_fleet.cli.device:group", "Devices: provision, list, show, label, pin, move."),
    "group": Later("pyv_fleet.cli.group:group", "Groups: devices that share labels and values."),
    "token": Later("pyv_fleet.cli.token:group", "Enrolment tokens for new devices."),
    "release": Later("pyv_fleet.cli.release:group", "Releases: build, sign, upload, compare, promote, withdraw."),
    "rollout": Later("pyv_fleet.cli.rollout:group", "Move a channel to a release, wave by wave."),
    "rollback": Later("pyv_fleet.cli.rollback:rollback", "Take the fleet back to a release, at once."),
    "push": Later("pyv_fleet.cli.push:group", "Bring the orders in force to devices by SSH."),
    "drift": Later("pyv_fleet.cli.drift:group", "Devices whose live config was changed."),
    "apply": Later("pyv_fleet.cli.declared:apply", "Make the fleet what files say, each change by its steps."),
    "diff": Later("pyv_fleet.cli.declared:diff", "What `apply` would do; exits 3 if anything."),
    "get": Later("pyv_fleet.cli.declared:get", "Channels, groups, policies, rollouts as such files."),
    "delete": Later("pyv_fleet.cli.declared:delete", "Take away what files or names say."),
    "policy": Later("pyv_fleet.cli.policy:group", "Policies: how releases reach a channel."),
    "channel": Later("pyv_fleet.cli.channel:group", "Channels and their terms."),
    "alert": Later("pyv_fleet.cli.alert:group", "Alerts: what holds, its rules, who is told."),
    "audit": Later("pyv_fleet.cli.records:audit", "Who did what, and why."),
    "trust": Later("pyv_fleet.cli.trust:group", "Who may sign what: the chain of trust documents."),
}


@click.group(cls=LazyGroup, later=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--home",
    type=click.Path(path_type=Path),
    help="The operator's home [PYV_FLEET_HOME, .demo/operator, ~/.config/pyv-fleet].",
)
@click.version_option(package_name="pyvorin-fleet", prog_name="pyv-fleet")
@click.pass_context
def cli(ctx: click.Context, home: Path | None) -> None:
    """Provision, distribute, detect drift, roll back, watch: a fleet of Pyvorin Edge devices.

    Exit codes: 0 done, 1 error, 2 usage, 3 drift or difference, 4 not allowed, 5 not found, 6 conflict,
    7 rollout failed, 8 timed out, 9 partly failed.
    """
    ctx.obj = home


def main() -> None:
    """The entry point."""
    cli(prog_name="pyv-fleet")

"""`update status|wait|retry` and `rollback`: what the device works towards, and what a person may decide about it."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from pyv_edge_agent.cli.failing import Commands
from pyv_edge_agent.cli.looking import at_rest_status
from pyv_edge_agent.cli.options import asked, asked_status, show_json, talk, with_config, with_place
from pyv_edge_agent.cli.sentences import update_lines
from pyv_edge_agent.control import NotRunning
from pyv_edge_agent.exits import Exit
from pyv_edge_agent.state_dir import StateDir
from pyv_edge_agent.verbs import previous_of, quarantined_as
from pyvorin_edge.vocabulary import Outcome, Phase

WAIT_SECONDS: Final = 900.0
_LOOK_SECONDS: Final = 0.5
_AT_NEXT_START: Final = "no agent runs: it is written down, and obeyed by the next start"


@click.group(cls=Commands)
def update() -> None:
    """The update under way, and the releases that are not tried again."""


@update.command("status")
@with_config
@with_place
def update_status(state_dir: Path, config: Path | None, as_json: bool) -> None:
    """Target, phase, deadline, gate, and the quarantine with causes and the next try.

    Works without an agent, from the state directory.
    """
    try:
        found = asked_status(state_dir)
    except NotRunning as why:
        found = at_rest_status(state_dir, config)
        talk(str(why))
    if as_json:
        show_json({**found["update"], "result": found["result"]})
    else:
        for line in update_lines(found):
            click.echo(line)


@update.command("wait")
@click.option(
    "--timeout", "timeout_seconds", type=click.FloatRange(0), default=WAIT_SECONDS, show_default=True, metavar="SECONDS"
)
@with_place
def update_wait(state_dir: Path, timeout_seconds: float, as_json: bool) -> None:
    """Wait until no update is under way; exit 0 if it committed, 7 if it ended otherwise, 8 if it took too long.

    With nothing under way it ends at once, by how the last update ended.
    """
    found = settled(state_dir, timeout_seconds)
    _end(found, found["result"], as_json)


@update.command("retry")
@click.argument("release", metavar="VERSION|DIGEST")
@with_config
@with_place
def update_retry(release: str, state_dir: Path, config: Path | None, as_json: bool) -> None:
    """Let a quarantined release, by version or by a digest's first letters, be tried again.

    It forgets that the release failed, and nothing else: signature, floor, golden hash and gate judge it as before,
    and it is tried only while the fleet's orders want it. Exit 5 if no such release is in quarantine.
    """
    try:
        found = asked(state_dir, "pardon", {"release": release})
    except NotRunning:
        from pyv_edge_agent.at_rest import pardon

        digest = quarantined_as(at_rest_status(state_dir, config), release)
        pardon(StateDir(state_dir), digest)
        found = {**at_rest_status(state_dir, config), "release": digest}
        talk(_AT_NEXT_START)
    if as_json:
        show_json(found)
    else:
        click.echo(f"release {found['release'][:12]} is out of quarantine: tried again while it is ordered")


@click.command()
@click.argument("version", required=False)
@click.option("--to", type=click.Choice(["previous"]), help="Instead of VERSION: the release before the one in force.")
@click.option("--wait", "wait_seconds", type=click.FloatRange(0), metavar="SECONDS", help="Wait until it has ended.")
@with_config
@with_place
def rollback(
    version: str | None,
    to: str | None,
    wait_seconds: float | None,
    state_dir: Path,
    config: Path | None,
    as_json: bool,
) -> None:
    """Go back to a held release by hand, without the network, until other orders come (rule 15).

    Without an agent the choice is written down and the next start obeys it. Exit 5 if the release is not held (the
    message names those that are); with --wait 7 if it failed and 8 if it took too long.
    """
    if (version is None) == (to is None):
        raise click.UsageError("give VERSION, or --to previous")
    try:
        found = asked(state_dir, "rollback", {"version": version} if to is None else {"to": to})
        running = True
    except NotRunning:
        found, running = _chosen_at_rest(state_dir, config, version), False
        talk(_AT_NEXT_START)
    if running and wait_seconds is not None:
        ended = settled(state_dir, wait_seconds)
        went = ended["place"].get("release") == found["version"]
        _end({**ended, "version": found["version"]}, None if went else ended["result"], as_json)
    elif as_json:
        show_json(found)
    else:
        click.echo(f"going back to {found['version']}: now {Phase(found['update']['phase']).sentence}")


def settled(state_dir: Path, timeout_seconds: float) -> dict[str, Any]:
    """The status once nothing is under way; exit 8 if that takes too long, also over restarts of the agent."""
    until = time.monotonic() + timeout_seconds
    told = ""
    while True:
        try:
            found = asked_status(state_dir)
            phase = found["update"]["phase"]
        except NotRunning:
            if time.monotonic() >= until:
                raise
            found, phase = {}, ""
        if phase == Phase.SETTLED:
            return found
        if phase != told:
            told = phase
            talk(f"{phase}: {Phase(phase).sentence}" if phase else "no agent runs just now")
        if time.monotonic() >= until:
            talk(f"still {phase} after {timeout_seconds:g} s")
            sys.exit(Exit.TIMED_OUT)
        time.sleep(_LOOK_SECONDS)


def _chosen_at_rest(state_dir: Path, config: Path | None, version: str | None) -> dict[str, Any]:
    from pyv_edge_agent.at_rest import choose

    wanted = version if version is not None else previous_of(at_rest_status(state_dir, config))
    choose(StateDir(state_dir), wanted)
    return {**at_rest_status(state_dir, config), "version": wanted}


def _end(found: Mapping[str, Any], result: Mapping[str, Any] | None, as_json: bool) -> None:
    if as_json:
        show_json(found)
    else:
        for line in update_lines(found):
            click.echo(line)
    if result is not None and result["outcome"] != Outcome.COMMITTED:
        sys.exit(Exit.UPDATE_FAILED)

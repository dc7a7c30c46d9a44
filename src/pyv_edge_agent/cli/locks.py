"""`lock`: an application's word that no update may interrupt it now."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from pyv_edge_agent.cli.failing import Commands, Told
from pyv_edge_agent.cli.options import asked, show_json, talk, with_json, with_place, with_state_dir
from pyv_edge_agent.exits import Exit
from pyv_edge_agent.run_words import LOCK_VARIABLE
from pyv_edge_agent.state_dir import StateDir
from pyv_edge_agent.update_lock import LockTimeout, holder_at, open_lock, wait_for_lock

_with_file = click.option(
    "--file",
    "lock_file",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar=LOCK_VARIABLE,
    help="The lock, if it is not update.lock in the state directory; the agent is told by `run --update-lock`.",
)


@click.group(cls=Commands)
def lock() -> None:
    """The update lock: while it is held, updates are fetched and not put in force."""


@lock.command("run", context_settings={"ignore_unknown_options": True})
@click.option("--wait", "wait_seconds", type=click.FloatRange(0), metavar="SECONDS", help="Give up after so long.")
@_with_file
@with_state_dir("The device's state directory.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def lock_run(command: tuple[str, ...], state_dir: Path, lock_file: Path | None, wait_seconds: float | None) -> None:
    """Run COMMAND while holding the lock; write `--` before it.

    It waits while an update is being put in force, or another application holds the lock. The exit status is COMMAND's;
    8 if the lock was not free in time. The lock ends with the last process that COMMAND began.
    """
    path = lock_file or StateDir(state_dir).update_lock
    try:
        descriptor = open_lock(path)
        wait_for_lock(descriptor, wait_seconds)
    except LockTimeout as why:
        raise Told(str(why), Exit.TIMED_OUT) from None
    except OSError as why:
        raise Told(f"{path}: cannot be locked: {why.strerror}") from None
    os.set_inheritable(descriptor, True)
    try:
        os.execvp(command[0], command)
    except OSError as why:
        raise Told(f"{command[0]}: {why.strerror}") from None


@lock.command("status")
@_with_file
@with_place
def lock_status(state_dir: Path, lock_file: Path | None, as_json: bool) -> None:
    """Who holds the lock; exit 3 if somebody does."""
    path = lock_file or StateDir(state_dir).update_lock
    try:
        holder = holder_at(path)
    except OSError as why:
        raise Told(f"{path}: cannot be asked: {why.strerror}") from None
    if as_json:
        show_json({"file": str(path), "held": holder is not None, "holder": holder})
    else:
        click.echo(f"held by {holder}" if holder is not None else "free")
    if holder is not None:
        sys.exit(Exit.AMISS)


@lock.command("override")
@with_json
@with_state_dir("The device's state directory.")
def lock_override(state_dir: Path, as_json: bool) -> None:
    """Let the update under way be put in force although the lock is held: this one, and no later one.

    Who holds the lock is not told. Exit 6 if no update is under way.
    """
    found = asked(state_dir, "pass-lock")
    if as_json:
        show_json(found)
    else:
        talk("the update under way does not wait for the lock")

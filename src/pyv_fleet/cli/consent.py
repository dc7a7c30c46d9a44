"""Before an act that many devices feel: show what it resolved to, and ask for the count (or have it said before)."""

from __future__ import annotations

import sys

import click

from pyv_fleet.cli.session import CliError, Exit, Session


def ask_count(
    session: Session, what: str, count: int, *, yes: bool, expected: int | None, noun: str = "device"
) -> None:
    """Go on only if the person, or `--yes --expect-count N`, names the same count."""
    session.say(f"{what}: {count} {noun}{'' if count == 1 else 's'}")
    if expected is not None and expected != count:
        raise CliError(f"it would touch {count} {noun}s, not the {expected} expected: nothing was done", Exit.CONFLICT)
    if yes:
        if expected is None:
            raise CliError(
                "--yes needs --expect-count N, so that a script never touches more than it means", Exit.USAGE
            )
        return
    if not sys.stdin.isatty():
        raise CliError("no terminal to ask on: say --yes --expect-count N", Exit.USAGE)
    said = click.prompt(f"How many {noun}s are that? (the number goes on, anything else stops)", err=True)
    if said.strip() != str(count):
        raise CliError("nothing was done", Exit.ERROR)

"""`pyv-fleet audit`: what was done, the newest first."""

from __future__ import annotations

import itertools

import click

from pyv_fleet.cli.output import Column, show_list, show_one
from pyv_fleet.cli.session import Exit, Session, with_session

limit_option = click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="How many at most.")


@click.group()
def audit() -> None:
    """Who did what, and why."""


@audit.command("list")
@limit_option
@with_session
def audit_list(session: Session, limit: int) -> None:
    """Acts, the newest first."""
    show_list(session, list(itertools.islice(session.client.audit(), limit)), _AUDIT_COLUMNS, paged=True)


@audit.command()
@click.option("--known", metavar="SEQ:HASH", help="A head that an earlier check said: it must still be in the log.")
@with_session
def check(session: Session, known: str | None) -> None:
    """Exit 3 if a line was changed or taken out; else say the head: written down elsewhere, it shows a cut end."""
    found = session.client.check_audit(known)
    show_one(session, found, _CHECK_COLUMNS)
    if found.broken is not None:
        session.say(f"line {found.broken} was changed or is missing: what follows proves nothing")
        session.leave(Exit.DRIFT)


_CHECK_COLUMNS = (
    Column("lines", lambda c: c.lines),
    Column("head", lambda c: c.head),
    Column("broken", lambda c: c.broken),
)
_AUDIT_COLUMNS = (
    Column("at", lambda a: a.at),
    Column("who", lambda a: a.actor),
    Column("did", lambda a: a.act),
    Column("to", lambda a: a.subject),
    Column("why", lambda a: a.reason),
)

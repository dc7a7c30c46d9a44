"""`pyv-fleet alert` and `pyv-fleet audit`: what happened, the newest first."""

from __future__ import annotations

import itertools

import click

from pyv_fleet.cli.filters import reason_option
from pyv_fleet.cli.output import Column, show_list, show_one
from pyv_fleet.cli.session import Exit, Session, with_session

limit_option = click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="How many at most.")


@click.group()
def alert() -> None:
    """Alerts."""


@alert.command("list")
@limit_option
@with_session
def alert_list(session: Session, limit: int) -> None:
    """Alerts, the newest first."""
    show_list(session, list(itertools.islice(session.client.alerts(), limit)), _ALERT_COLUMNS, paged=True)


@alert.command()
@click.argument("alert_id")
@reason_option
@with_session
def acknowledge(session: Session, alert_id: str, reason: str) -> None:
    """Say that an emergency or a foreign directive was seen; other alerts end with their cause."""
    show_one(session, session.client.acknowledge(alert_id, reason), _ALERT_COLUMNS)


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
_ALERT_COLUMNS = (
    Column("id", lambda a: a.id),
    Column("raised", lambda a: a.raised_at),
    Column("alert", lambda a: a.name),
    Column("device", lambda a: a.device_id),
    Column("state", lambda a: a.state),
    Column("detail", lambda a: a.detail),
    Column("verified", lambda a: a.verified),
)
_AUDIT_COLUMNS = (
    Column("at", lambda a: a.at),
    Column("who", lambda a: a.actor),
    Column("did", lambda a: a.act),
    Column("to", lambda a: a.subject),
    Column("why", lambda a: a.reason),
)

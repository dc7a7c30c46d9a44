"""`pyv-fleet drift ignore`: key paths whose drift is not counted, each with a reason and an end."""

from __future__ import annotations

import datetime as dt
from typing import Any

import click

from pyv_fleet.cli.filters import reason_option
from pyv_fleet.cli.output import Column, show_list
from pyv_fleet.cli.session import Session, with_session


@click.group()
def group() -> None:
    """Key paths whose drift is not counted, each with a reason and an end."""


@group.command("list")
@with_session
def list_(session: Session) -> None:
    """Every rule; one whose time is over counts no more and is shown for a month."""
    found = session.client.ignored()
    show_list(session, found, _COLUMNS)
    _tell_ended(session, found)


@group.command()
@click.argument("pointer")
@click.option("--channel", help="Of whose devices.")
@click.option("--group", "group_", help="Or of this group's.")
@click.option("--until", metavar="TIME", help="Its end, as in 2026-12-24T00:00Z; at most 366 days from now.")
@click.option("--days", type=click.IntRange(1, 366), help="Or so many days from now.")
@reason_option
@with_session
def add(
    session: Session, pointer: str, channel: str | None, group_: str | None, until: str | None, days: int | None,
    reason: str,
) -> None:  # fmt: skip
    """Do not count drift at POINTER, such as /logging/level, and below it, until its end."""
    from pyv_fleet.core.views import IgnoreBody

    _one_of(channel, group_)
    if (until is None) == (days is None):
        raise click.UsageError("say when it ends: --until TIME or --days N")
    ends = None if until is None else _moment(until)
    body = IgnoreBody(channel=channel, group=group_, pointer=pointer, reason=reason, until=ends, days=days)
    show_list(session, session.client.ignore(body), _COLUMNS)


@group.command()
@click.argument("pointer")
@click.option("--channel", help="Of whose devices.")
@click.option("--group", "group_", help="Or of this group's.")
@reason_option
@with_session
def remove(session: Session, pointer: str, channel: str | None, group_: str | None, reason: str) -> None:
    """Count drift at POINTER again."""
    from pyv_fleet.core.views import UnignoreBody

    _one_of(channel, group_)
    body = UnignoreBody(channel=channel, group=group_, pointer=pointer, reason=reason)
    show_list(session, session.client.heed(body), _COLUMNS)


def _tell_ended(session: Session, found: list[Any]) -> None:
    ended = [one for one in found if not one.in_force]
    if ended:
        names = ", ".join(f"{one.pointer} of {_whose(one)}" for one in ended)
        session.say(f"ended, drift there counts again: {names}")


def _one_of(channel: str | None, group_: str | None) -> None:
    if (channel is None) == (group_ is None):
        raise click.UsageError("say whose devices: --channel NAME or --group NAME")


def _moment(until: str) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(until)
    except ValueError as why:
        raise click.UsageError(f"--until: {why}") from None
    if moment.tzinfo is None:
        raise click.UsageError(f"--until: {until} says no time zone: end it with Z or +01:00")
    return moment


def _whose(rule: Any) -> str:
    return f"channel {rule.channel}" if rule.channel else f"group {rule.group}"


_COLUMNS = (
    Column("whose", _whose),
    Column("key", lambda r: r.pointer),
    Column("until", lambda r: r.until),
    Column("in force", lambda r: r.in_force),
    Column("reason", lambda r: r.reason),
    Column("set by", lambda r: r.set_by),
)

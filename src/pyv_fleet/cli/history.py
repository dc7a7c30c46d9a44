"""`pyv-fleet device history` and `pyv-fleet channel history`: what happened, the newest first."""

from __future__ import annotations

import itertools

import click

from pyv_fleet.cli.output import Column, show_list
from pyv_fleet.cli.records import limit_option
from pyv_fleet.cli.session import Session, with_session


@click.command("history")
@click.argument("device_id")
@limit_option
@with_session
def device_history(session: Session, device_id: str, limit: int) -> None:
    """What a device went through: its words, its alerts, and what people did with it."""
    show_list(session, list(itertools.islice(session.client.device_history(device_id), limit)), _COLUMNS, paged=True)


@click.command("history")
@click.argument("name")
@limit_option
@with_session
def channel_history(session: Session, name: str, limit: int) -> None:
    """What a channel went through: its orders, rollouts, alerts, and what people did with it."""
    show_list(session, list(itertools.islice(session.client.channel_history(name), limit)), _COLUMNS, paged=True)


_COLUMNS = (
    Column("at", lambda h: h.at),
    Column("what", lambda h: h.what),
    Column("detail", lambda h: h.detail),
    Column("by", lambda h: h.by),
)

"""`pyv-fleet channel`: channels and their terms."""

from __future__ import annotations

from typing import Any

import click

from pyv_fleet.cli.filters import reason_option
from pyv_fleet.cli.output import Column, show_list, show_one
from pyv_fleet.cli.session import Session, with_session


@click.group()
def group() -> None:
    """Channels and their terms."""


@group.command("list")
@with_session
def list_(session: Session) -> None:
    """Every channel."""
    show_list(session, session.client.channels(), _COLUMNS)


@group.command()
@click.argument("name")
@with_session
def show(session: Session, name: str) -> None:
    """One channel with its rules."""
    found = session.client.channel(name)
    show_one(session, found, _COLUMNS)
    if session.format == "table" and found.rules:
        click.echo()
        show_list(session, found.rules, _RULE_COLUMNS)


@group.command("set")
@click.argument("name")
@click.option("--drift-policy", type=click.Choice(["alert", "remediate"]), default="alert", show_default=True)
@click.option("--beat-seconds", type=click.IntRange(0, 86_400), default=60, show_default=True)
@click.option("--report-seconds", type=click.IntRange(1, 86_400), default=900, show_default=True)
@click.option("--keepalive-seconds", type=click.IntRange(5, 65_535), default=60, show_default=True)
@click.option("--settle-seconds", type=click.IntRange(0, 3_600), default=10, show_default=True)
@with_session
def set_(session: Session, name: str, drift_policy: str, **pace: Any) -> None:
    """Make a channel, or set all its terms: what is not said takes its default."""
    import msgspec

    from pyv_fleet.core.views import ChannelBody

    body = msgspec.convert({"drift_policy": drift_policy, **pace}, ChannelBody)
    show_one(session, session.client.put_channel(name, body), _COLUMNS)


@group.command()
@click.argument("name")
@reason_option
@with_session
def refresh(session: Session, name: str, reason: str) -> None:
    """Issue its directive again, with the same rules; no device changes anything."""
    show_one(session, session.client.refresh_channel(name, reason), _COLUMNS)


_COLUMNS = (
    Column("channel", lambda c: c.name),
    Column("golden", lambda c: c.golden_version),
    Column("generation", lambda c: c.generation),
    Column("devices", lambda c: c.devices),
    Column("drift policy", lambda c: c.drift_policy),
    Column("rollout", lambda c: c.rollout),
)
_RULE_COLUMNS = (
    Column("rule", lambda r: r.kind),
    Column("version", lambda r: r.version),
    Column("attempt", lambda r: r.attempt),
    Column("matches", lambda r: r.matches),
)

"""`pyv-fleet channel`: channels and their terms."""

from __future__ import annotations

from typing import Any

import click

from pyv_fleet.cli.filters import reason_option
from pyv_fleet.cli.history import channel_history
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
    show_one(session, found, _FIELDS)
    if session.format == "table" and found.rules:
        click.echo()
        show_list(session, found.rules, _RULE_COLUMNS)


@group.command("set")
@click.argument("name")
@click.option(
    "--drift",
    "--drift-policy",
    "drift_policy",
    type=click.Choice(["alert", "heal", "remediate"]),
    help="An alert alone, or devices write back what was applied (heal = remediate).",
)
@click.option("--beat-seconds", type=click.IntRange(0, 86_400), help="0 = no beats.")
@click.option("--report-seconds", type=click.IntRange(1, 86_400))
@click.option("--keepalive-seconds", type=click.IntRange(5, 65_535))
@click.option("--settle-seconds", type=click.IntRange(0, 3_600))
@click.option("--download-bytes-per-second", type=click.IntRange(0), help="At most so fast each device; 0 = no limit.")
@click.option("--overdue-seconds", type=click.IntRange(60, 2_592_000), help="From when on a device that lags is late.")
@click.option("--policy", help="Of its rollouts; '' = the built-in one.")
@click.option("--window", help="When devices may activate, in their time zones: 'mon-fri 22:00-05:00'; '' = always.")
@click.option("--download-window", help="When they may download; '' = always.")
@click.option("--herd", help="So many at work on a release at once: 20, or site=2 (per value of the label); '' = all.")
@click.option("--herd-silent-seconds", type=click.IntRange(60, 604_800), help="A silent device keeps its turn so long.")
@click.option("--freeze", "freezes", multiple=True, help="No new wave: '2026-12-20T00:00Z/2027-01-02T00:00Z WHY'.")
@click.option("--no-freeze", is_flag=True, help="Take all freezes away.")
@click.option("--hold-out", "hold_outs", multiple=True, help="Who stays on a release: site=lab@VERSION; repeat.")
@click.option("--no-hold-out", is_flag=True, help="Take all hold-outs away.")
@with_session
def set_(session: Session, name: str, **said: Any) -> None:
    """Make a channel, or change its terms: what is not said stays as it is."""
    from pyv_fleet.cli.terms import changed_terms
    from pyv_fleet.client import NotFound
    from pyv_fleet.core.views import ChannelBody

    try:
        before = session.client.channel(name).terms
    except NotFound:
        before = ChannelBody()
    show_one(session, session.client.put_channel(name, changed_terms(before, said)), _FIELDS)


@group.command()
@click.argument("name")
@reason_option
@with_session
def refresh(session: Session, name: str, reason: str) -> None:
    """Issue its directive again, with the same rules; no device changes anything."""
    show_one(session, session.client.refresh_channel(name, reason), _COLUMNS)


group.add_command(channel_history)


def _span(span: Any) -> str:
    from pyv_fleet.core.spans import written_span

    return "always" if span is None else written_span(span)


_COLUMNS = (
    Column("channel", lambda c: c.name),
    Column("golden", lambda c: c.golden_version),
    Column("generation", lambda c: c.generation),
    Column("devices", lambda c: c.devices),
    Column("drift policy", lambda c: c.drift_policy),
    Column("rollout", lambda c: c.rollout),
)
_FIELDS = (
    *_COLUMNS,
    Column("policy", lambda c: c.terms.policy),
    Column("late after", lambda c: f"{c.terms.overdue_seconds} s"),
    Column("activates", lambda c: _span(c.terms.window.activate if c.terms.window else None)),
    Column("downloads", lambda c: _span(c.terms.window.download if c.terms.window else None)),
    Column("herd", lambda c: c.terms.herd or "all at once"),
    Column("download bytes/s", lambda c: c.terms.download_bytes_per_second or "no limit"),
    Column("frozen", lambda c: [f"{one.begins_at} to {one.ends_at}: {one.reason}" for one in c.terms.freezes]),
    Column("held out", lambda c: [f"{dict(one.where)} on {one.release[:12]}" for one in c.terms.hold_outs]),
)
_RULE_COLUMNS = (
    Column("rule", lambda r: r.kind),
    Column("version", lambda r: r.version),
    Column("attempt", lambda r: r.attempt),
    Column("matches", lambda r: r.matches),
)

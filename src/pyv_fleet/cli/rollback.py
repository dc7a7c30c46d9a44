"""`pyv-fleet rollback`: one command, the whole fleet, and how fast each device acknowledged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pyv_fleet.cli.consent import ask_count
from pyv_fleet.cli.filters import expect_option, reason_option, yes_option
from pyv_fleet.cli.output import Column, show_one
from pyv_fleet.cli.progress import Progress, follow
from pyv_fleet.cli.session import Exit, Session, with_session

if TYPE_CHECKING:
    from pyv_fleet.core.views import RollbackView


@click.command()
@click.option("--to", required=True, help="Version, digest, or last-good.")
@click.option("--all", "everything", is_flag=True, help="Every channel.")
@click.option("--channel", "channels", multiple=True, help="This channel; repeat.")
@reason_option
@yes_option
@expect_option
@click.option("--timeout", type=click.FloatRange(0), default=120.0, show_default=True, help="Seconds to wait.")
@with_session
def rollback(
    session: Session,
    to: str,
    everything: bool,
    channels: tuple[str, ...],
    reason: str,
    yes: bool,
    expect_count: int | None,
    timeout: float,
) -> None:
    """Take devices back to a release at once, without waves; exits 9 if an online device did not acknowledge."""
    if everything == bool(channels):
        raise click.UsageError("exactly one of --all and --channel")
    from pyv_fleet.core.views import RollbackSpec

    tried = session.client.rollback(RollbackSpec(to=to, channels=channels, all=everything, reason=reason, dry_run=True))
    what = f"back to {tried.to_version}, channels {', '.join(tried.channels)}"
    ask_count(session, what, tried.devices, yes=yes, expected=expect_count)
    spec = RollbackSpec(to=to, channels=channels, all=everything, reason=reason, expect_count=tried.devices)
    _follow(session, session.client.rollback(spec), timeout)


def _follow(session: Session, begun: RollbackView, timeout: float) -> None:
    with Progress() as progress:
        ended = follow(
            lambda: session.client.rollback_status(begun.id),
            lambda seen: seen.done,
            lambda seen: progress.show(_said(seen), seen.acknowledged, max(seen.online, 1)),
            timeout,
        )
    seen = ended or session.client.rollback_status(begun.id)
    show_one(session, seen, _FIELDS)
    if seen.missing:
        session.say(f"{len(seen.missing)} online devices did not acknowledge: {', '.join(seen.missing)}")
        session.leave(Exit.PARTLY_FAILED)
    if seen.devices > seen.online:
        session.say(f"{seen.devices - seen.online} devices are not online: the order stands and meets them on return")
    if ended is None:
        session.leave(Exit.TIMED_OUT)


def _said(seen: RollbackView) -> str:
    return f"{seen.acknowledged} of {seen.online} online devices acknowledged"


_FIELDS = (
    Column("to", lambda r: r.to_version),
    Column("channels", lambda r: r.channels),
    Column("devices", lambda r: r.devices),
    Column("online", lambda r: r.online),
    Column("acknowledged", lambda r: r.acknowledged),
    Column("first (s)", lambda r: _seconds(r.first_seconds)),
    Column("median (s)", lambda r: _seconds(r.median_seconds)),
    Column("last (s)", lambda r: _seconds(r.last_seconds)),
)


def _seconds(value: float | None) -> str | None:
    return None if value is None else f"{value:.2f}"

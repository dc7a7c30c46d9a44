"""`pyv-fleet token`: enrolment tokens, one-time or counted."""

from __future__ import annotations

from pathlib import Path

import click

from pyv_fleet.cli.filters import label_option, labels_of
from pyv_fleet.cli.output import Column, show_one
from pyv_fleet.cli.session import Session, with_session


@click.group()
def group() -> None:
    """Enrolment tokens for new devices."""


@group.command()
@click.option("--uses", type=click.IntRange(1, 1_000_000), default=1, show_default=True, help="How many devices.")
@click.option("--channel", default="stable", show_default=True)
@label_option
@click.option("--device-id", help="Bind it to this id, whose key it may replace (a reflashed card).")
@click.option("--valid-seconds", type=click.IntRange(60, 31_536_000), default=86_400, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Write it to this file (mode 0600) and not to stdout.")
@with_session
def create(
    session: Session,
    uses: int,
    channel: str,
    labels: tuple[str, ...],
    device_id: str | None,
    valid_seconds: int,
    out: Path | None,
) -> None:
    """Make a token; it is shown this once."""
    from pyv_fleet.core.views import TokenSpec
    from pyv_fleet.durable import write_durably

    spec = TokenSpec(
        uses=uses, channel=channel, labels=labels_of(labels), device_id=device_id, valid_seconds=valid_seconds
    )
    made = session.client.create_token(spec)
    if out is not None:
        write_durably(out, made.token.encode() + b"\n")
    elif session.format == "table":
        click.echo(made.token)  # alone, so that $(…) and > take it as it is
    else:
        show_one(session, made, _FIELDS)
    many = "one device" if uses == 1 else f"{uses} devices"
    session.say(f"good for {many}, until {made.expires_at.isoformat(timespec='seconds')}")


_FIELDS = (
    Column("id", lambda made: made.id),
    Column("token", lambda made: made.token),
    Column("expires", lambda made: made.expires_at),
)

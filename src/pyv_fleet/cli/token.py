"""`pyv-fleet token`: enrolment tokens, one-time or counted, and keys of people and programs."""

from __future__ import annotations

from operator import attrgetter
from pathlib import Path
from typing import Any

import click

from pyv_fleet.cli.filters import label_option, labels_of
from pyv_fleet.cli.output import Column, show_one
from pyv_fleet.cli.session import Session, with_session

SCOPES = ("ingest", "read", "operate", "admin")


@click.group()
def group() -> None:
    """Enrolment tokens for new devices; keys for people and programs."""


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

    spec = TokenSpec(
        uses=uses, channel=channel, labels=labels_of(labels), device_id=device_id, valid_seconds=valid_seconds
    )
    made = session.client.create_token(spec)
    _hand_over(session, made, made.token, out)
    many = "one device" if uses == 1 else f"{uses} devices"
    session.say(f"good for {many}, until {made.expires_at.isoformat(timespec='seconds')}")


@group.command()
@click.option("--name", required=True, help="As it stands in the audit log.")
@click.option("--scope", type=click.Choice(SCOPES), required=True, help="What it may do; ingest: send telemetry alone.")
@click.option("--valid-seconds", type=click.IntRange(60, 315_360_000), help="Default: until it is withdrawn.")
@click.option("--out", type=click.Path(path_type=Path), help="Write it to this file (mode 0600) and not to stdout.")
@with_session
def api(session: Session, name: str, scope: str, valid_seconds: int | None, out: Path | None) -> None:
    """Make a key for a person or program (Authorization: Bearer KEY); it is shown this once."""
    from pyv_fleet.core.keys import KeySpec
    from pyv_fleet.core.words import AuthScope

    made = session.client.create_key(KeySpec(name=name, scope=AuthScope(scope), valid_seconds=valid_seconds))
    _hand_over(session, made, made.key, out)
    until = "it is withdrawn" if made.expires_at is None else made.expires_at.isoformat(timespec="seconds")
    session.say(f"{made.name} may {made.scope.sentence}, until {until}")


def _hand_over(session: Session, made: Any, text: str, out: Path | None) -> None:
    """The secret, once: to a file of the owner's alone, or to stdout."""
    from pyv_fleet.durable import write_durably

    if out is not None:
        write_durably(out, text.encode() + b"\n")
    elif session.format == "table":
        click.echo(text)  # alone, so that $(…) and > take it as it is
    else:
        fields = [Column(name.removesuffix("_at"), attrgetter(name)) for name in made.__struct_fields__]
        show_one(session, made, fields)

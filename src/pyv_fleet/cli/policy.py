"""`pyv-fleet policy`: how releases reach a channel, written down once, in a file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pyv_fleet.cli.output import Column, show_list, show_one
from pyv_fleet.cli.session import CliError, Exit, Session, with_session

if TYPE_CHECKING:
    from pyv_fleet.core.policy import Policy


@click.group()
def group() -> None:
    """Policies: how releases reach a channel."""


@group.command("list")
@with_session
def list_(session: Session) -> None:
    """Every policy."""
    show_list(session, session.client.policies(), _COLUMNS)


@group.command()
@click.argument("name")
@with_session
def show(session: Session, name: str) -> None:
    """One policy with all its terms."""
    show_one(session, session.client.policy(name), _FIELDS)


@group.command("set")
@click.argument("name")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@with_session
def set_(session: Session, name: str, file: Path) -> None:
    """Make a policy, or set all its terms, from a TOML file: waves, soak_seconds, budgets, approvals, on_bad …

    What the file does not say takes its default. Admins only: it says who must approve what.
    """
    show_one(session, session.client.put_policy(name, _read(file)), _FIELDS)


@group.command()
@click.argument("name")
@with_session
def delete(session: Session, name: str) -> None:
    """Take a policy away that no channel names."""
    session.client.delete_policy(name)
    session.say(f"policy {name} is gone")


def _read(file: Path) -> Policy:
    import msgspec

    from pyv_fleet.core.policy import Policy

    try:
        return msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), Policy)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as why:
        raise CliError(f"{file}: {why}", Exit.USAGE) from None


_COLUMNS = (
    Column("policy", lambda p: p.name),
    Column("waves", lambda p: [one if isinstance(one, str) else one.cohort for one in p.terms.waves]),
    Column("soak (s)", lambda p: p.terms.soak_seconds),
    Column("approvals", lambda p: p.terms.approvals),
    Column("channels", lambda p: p.channels),
)
_FIELDS = (
    *_COLUMNS,
    Column("deadline (s)", lambda p: p.terms.deadline_seconds),
    Column("spread (s)", lambda p: p.terms.spread_seconds),
    Column("silent (s)", lambda p: p.terms.silent_seconds),
    Column("deferred (s)", lambda p: p.terms.deferred_seconds),
    Column("on bad", lambda p: p.terms.on_bad),
    Column("on abort", lambda p: p.terms.on_abort),
    Column("changed by", lambda p: p.changed_by),
    Column("changed", lambda p: p.changed_at),
)

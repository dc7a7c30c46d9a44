"""`pyv-fleet drift`: who drifted, where, and back."""

from __future__ import annotations

import click

from pyv_fleet.cli.consent import ask_count
from pyv_fleet.cli.filters import expect_option, reason_option, yes_option
from pyv_fleet.cli.output import Column, show_list, show_one
from pyv_fleet.cli.session import Exit, Session, with_session


@click.group()
def group() -> None:
    """Devices whose live config was changed."""


@group.command("list")
@with_session
def list_(session: Session) -> None:
    """Every device that drifted."""
    show_list(session, session.client.drift(), _COLUMNS)


@group.command()
@click.argument("device_id")
@with_session
def show(session: Session, device_id: str) -> None:
    """One device: golden against live by key path, secrets hidden."""
    found = session.client.drift_of(device_id)
    if session.format != "table":
        show_one(session, found, (Column("device", lambda f: f.drift.device_id),))
        return
    show_one(session, found.drift, _FIELDS)
    if found.diffs:
        click.echo()
        show_list(session, found.diffs, _DIFF_COLUMNS)
    elif found.drift.paths:
        session.say("the device did not answer: only the key paths are known")


@group.command()
@with_session
def check(session: Session) -> None:
    """Exit 3 if any device drifted; for scripts."""
    found = session.client.drift()
    show_list(session, found, _COLUMNS)
    session.leave(Exit.DRIFT if found else Exit.OK)


@group.command()
@click.argument("device_ids", nargs=-1)
@reason_option
@yes_option
@expect_option
@with_session
def remediate(session: Session, device_ids: tuple[str, ...], reason: str, yes: bool, expect_count: int | None) -> None:
    """Write the applied config back over the live one; all drifted devices if none is named."""
    from pyv_fleet.core.views import RemediateBody

    meant = device_ids or tuple(one.device_id for one in session.client.drift())
    if not meant and not expect_count:
        session.say("no device drifted: nothing to do")
        show_list(session, (), _OUTCOME_COLUMNS)
        return
    ask_count(session, "write the applied config back", len(meant), yes=yes, expected=expect_count)
    done = session.client.remediate(RemediateBody(device_ids=meant, reason=reason))
    show_list(session, done, _OUTCOME_COLUMNS)
    if not all(one.outcome.good for one in done):
        session.leave(Exit.PARTLY_FAILED)


_COLUMNS = (
    Column("device", lambda d: d.device_id),
    Column("standing", lambda d: d.standing),
    Column("kinds", lambda d: d.kinds),
    Column("keys", lambda d: [*d.paths, *([f"and {d.more} more"] if d.more else [])]),
    Column("since", lambda d: d.since),
)
_FIELDS = (
    *_COLUMNS,
    Column("lag", lambda d: d.lag),
    Column("golden", lambda d: d.golden_hash),
    Column("applied", lambda d: d.applied_hash),
    Column("live", lambda d: d.live_hash),
)
_DIFF_COLUMNS = (
    Column("key", lambda d: d.pointer),
    Column("golden", lambda d: d.golden),
    Column("live", lambda d: d.live),
)
_OUTCOME_COLUMNS = (
    Column("device", lambda d: d.device_id),
    Column("outcome", lambda d: d.outcome),
    Column("detail", lambda d: d.detail),
)

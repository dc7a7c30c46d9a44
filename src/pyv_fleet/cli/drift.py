"""`pyv-fleet drift`: who drifted, where, and back; what is ignored is in drift_ignore.py."""

from __future__ import annotations

from typing import Any

import click

from pyv_fleet.cli import drift_adopt, drift_ignore
from pyv_fleet.cli.consent import ask_count
from pyv_fleet.cli.filters import expect_option, label_option, labels_of, reason_option, yes_option
from pyv_fleet.cli.output import Column, show_list, show_one
from pyv_fleet.cli.session import Exit, Session, with_session
from pyvorin_edge.vocabulary import Standing

_DRIFTED = (Standing.DRIFTED, Standing.BOTH)


@click.group()
def group() -> None:
    """Devices whose live config was changed."""


@group.command("list")
@click.option("--channel")
@label_option
@with_session
def list_(session: Session, channel: str | None, labels: tuple[str, ...]) -> None:
    """Every device that drifted."""
    show_list(session, session.client.drift(**_query(channel, labels)), _COLUMNS)


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
@click.option("--channel", help="Only devices of this channel.")
@click.option("-l", "--label", "labels", multiple=True, metavar="KEY=VALUE", help="Only with this label; repeat.")
@click.option("--device", "device_id", help="Only this device.")
@with_session
def check(session: Session, channel: str | None, labels: tuple[str, ...], device_id: str | None) -> None:
    """Exit 3 if any device drifted; for scripts. Who is unknown has not drifted, and lag is no drift."""
    if device_id is None:
        found = session.client.drift(**_query(channel, labels))
    else:
        if channel or labels:
            raise click.UsageError("--device names one device: without --channel and --label")
        one = session.client.device(device_id).drift
        found = [one] if one.standing in _DRIFTED else []
        if one.standing is Standing.UNKNOWN:
            session.say(f"{device_id}: not known how it stands")
    show_list(session, found, _COLUMNS)
    session.leave(Exit.DRIFT if found else Exit.OK)


@group.command()
@click.option("--channel", help="Only devices of this channel.")
@click.option("-l", "--label", "labels", multiple=True, metavar="KEY=VALUE", help="Only with this label; repeat.")
@with_session
def report(session: Session, channel: str | None, labels: tuple[str, ...]) -> None:
    """The fleet in sums: by channel, group, kind of drift and key path."""
    found = session.client.drift_report(**_query(channel, labels))
    if session.format in ("table", "csv", "jsonl"):
        show_list(session, found.counts, _COUNT_COLUMNS)
    else:
        show_one(session, found, _COUNT_COLUMNS)
    if found.more_keys:
        session.say(f"{found.more_keys} key paths more are not listed")


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


group.add_command(drift_ignore.group, "ignore")
group.add_command(drift_adopt.adopt)


def _query(channel: str | None, labels: tuple[str, ...]) -> dict[str, Any]:
    return {"channel": channel, "label": [f"{key}={value}" for key, value in labels_of(labels).items()]}


_COLUMNS = (
    Column("device", lambda d: d.device_id),
    Column("standing", lambda d: d.standing),
    Column("kinds", lambda d: d.kinds),
    Column("keys", lambda d: [*d.paths, *([f"and {d.more} more"] if d.more else [])]),
    Column("since", lambda d: d.since),
    Column("said", lambda d: d.said_at),
)
_FIELDS = (
    *_COLUMNS,
    Column("lag", lambda d: d.lag),
    Column("told", lambda d: d.told_at),
    Column("golden", lambda d: d.golden_hash),
    Column("applied", lambda d: d.applied_hash),
    Column("live", lambda d: d.live_hash),
)
_DIFF_COLUMNS = (
    Column("key", lambda d: d.pointer),
    Column("golden", lambda d: d.golden),
    Column("applied", lambda d: d.applied),
    Column("live", lambda d: d.live),
    Column("from", lambda d: None if d.source is None else d.source.layer),
    Column("set by", lambda d: None if d.source is None else d.source.set_by),
    Column("at", lambda d: None if d.source is None else d.source.set_at),
)
_COUNT_COLUMNS = (
    Column("by", lambda c: c.by),
    Column("name", lambda c: c.name),
    Column("devices", lambda c: c.devices),
    Column("in step", lambda c: c.in_step),
    Column("drifted", lambda c: c.drifted),
    Column("lagging", lambda c: c.lagging),
    Column("both", lambda c: c.both),
    Column("unknown", lambda c: c.unknown),
    Column("pending", lambda c: c.pending),
    Column("overdue", lambda c: c.overdue),
    Column("failed", lambda c: c.failed),
)
_OUTCOME_COLUMNS = (
    Column("device", lambda d: d.device_id),
    Column("outcome", lambda d: d.outcome),
    Column("detail", lambda d: d.detail),
)

"""`pyv-fleet group`: devices that share labels and values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pyv_fleet.cli.assignment import edited, read_json
from pyv_fleet.cli.consent import ask_count
from pyv_fleet.cli.filters import expect_option, labels_of, reason_option, yes_option
from pyv_fleet.cli.output import Column, show_list, show_one
from pyv_fleet.cli.session import CliError, Exit, Session, with_session

if TYPE_CHECKING:
    from pyv_fleet.core.views import GroupSpec


@click.group()
def group() -> None:
    """Groups: devices that share labels and values, by selector or by id."""


@group.command("list")
@with_session
def list_(session: Session) -> None:
    """Every group, and how far its values have come."""
    show_list(session, session.client.groups(), _COLUMNS)


@group.command()
@click.argument("name")
@with_session
def show(session: Session, name: str) -> None:
    """One group, and its members."""
    found = session.client.group(name)
    if session.format != "table":
        show_one(session, found, _FIELDS)
        return
    show_one(session, found, _FIELDS)
    members = list(session.client.group_members(name))
    if members:
        click.echo()
        show_list(session, members, _MEMBER_COLUMNS)


@group.command("set")
@click.argument("name")
@click.option("--selector", metavar="KEY=VALUE[,…]", help="In is who bears all these labels of its own.")
@click.option("--id", "ids", multiple=True, metavar="DEVICE", help="In is this device too; repeat. Replaces the list.")
@click.option("--everyone", is_flag=True, default=None, help="In is every device.")
@click.option("--priority", type=click.IntRange(0, 1000), help="Where groups set the same path, the higher one counts.")
@click.option("--value", "settings", multiple=True, metavar="/POINTER=JSON", help="Set a value; repeat.")
@click.option("--unvalue", "unsettings", multiple=True, metavar="/POINTER", help="Take a value out; repeat.")
@click.option("--file", type=click.Path(path_type=Path, dir_okay=False), help="All values, as JSON.")
@click.option("--label", "labels", multiple=True, metavar="KEY=VALUE", help="Members bear this label; repeat.")
@click.option("--unlabel", "unlabels", multiple=True, metavar="KEY", help="Members bear it no longer; repeat.")
@click.option("--drift", type=click.Choice(["alert", "heal", "channel"]), help="What follows from drift of members.")
@click.option("--canary", type=click.IntRange(1, 10_000), help="Members that get changed values first.")
@click.option("--at-once", type=click.IntRange(1, 10_000), help="And how many in each step after that.")
@click.option("--soak", "soak_seconds", type=click.IntRange(0, 604_800), help="Seconds that a step must stay good.")
@click.option("--deadline", "deadline_seconds", type=click.IntRange(1, 2_592_000), help="Seconds to settle in.")
@reason_option
@yes_option
@expect_option
@with_session
def set_(session: Session, name: str, reason: str, yes: bool, expect_count: int | None, **options: Any) -> None:
    """Make a group, or change it: what is not said stays as it is.

    Changed values reach a canary first, then the others step by step, each proved before the next.
    """
    from pyv_fleet.core.views import GroupBody

    spec = _spec(session, name, options)
    would = session.client.put_group(name, GroupBody(spec=spec, reason=reason, dry_run=True))
    if would.behind:
        what = f"group {name} ({would.members} members) changes"
        ask_count(session, what, would.behind, yes=yes, expected=expect_count)
    body = GroupBody(spec=spec, reason=reason, expect_count=would.behind or None)
    show_one(session, session.client.put_group(name, body), _FIELDS)


@group.command()
@click.argument("name")
@reason_option
@yes_option
@expect_option
@with_session
def delete(session: Session, name: str, reason: str, yes: bool, expect_count: int | None) -> None:
    """Take its labels away at once, its values step by step, and then the group."""
    members = session.client.group(name).members
    if members:
        ask_count(session, f"group {name} loses its members", members, yes=yes, expected=expect_count)
    _move(session, name, "delete", reason, members)


@group.command()
@click.argument("name")
@reason_option
@with_session
def revert(session: Session, name: str, reason: str) -> None:
    """Back to the values that all members had before the last change, at once."""
    _move(session, name, "revert", reason)


@group.command()
@click.argument("name")
@reason_option
@with_session
def resume(session: Session, name: str, reason: str) -> None:
    """Go on after a stop, without the members that stopped it."""
    _move(session, name, "resume", reason)


def _move(session: Session, name: str, move: str, reason: str, expect_count: int | None = None) -> None:
    from pyv_fleet.core.views import GroupVerb

    verb = GroupVerb(reason=reason, expect_count=expect_count)
    show_one(session, session.client.move_group(name, move, verb), _FIELDS)


def _spec(session: Session, name: str, options: dict[str, Any]) -> GroupSpec:
    """The standing group with what was said, or a new one."""
    import msgspec

    from pyv_fleet.client import NotFound
    from pyv_fleet.core.views import GroupSpec
    from pyvorin_edge.vocabulary import DriftPolicy

    try:
        now = session.client.group(name).spec
    except NotFound:
        now = GroupSpec()
    values = now.values if options["file"] is None else read_json(options["file"])
    labels = {**now.labels, **labels_of(options["labels"])}
    said = {
        key: options[key]
        for key in ("selector", "everyone", "priority", "canary", "at_once", "soak_seconds", "deadline_seconds")
        if options[key] is not None
    }
    drift = now.drift
    if options["drift"] is not None:
        said_policy = {"alert": DriftPolicy.ALERT, "heal": DriftPolicy.REMEDIATE}.get(options["drift"])
        drift = msgspec.structs.replace(drift, policy=said_policy)
    try:
        return msgspec.structs.replace(
            now,
            drift=drift,
            ids=options["ids"] or now.ids,
            values=edited(values, options["settings"], options["unsettings"]),
            labels={key: value for key, value in labels.items() if key not in options["unlabels"]},
            **said,
        )
    except ValueError as why:
        raise CliError(str(why), Exit.USAGE) from None


def _values(found: Any) -> list[str]:
    from pyvorin_edge.config.layers import leaves

    return list(leaves(found.spec.values))


def _who(found: Any) -> str:
    spec = found.spec
    parts = ["everyone"] if spec.everyone else []
    parts += [spec.selector] if spec.selector else []
    parts += [f"{len(spec.ids)} by id"] if spec.ids else []
    return ", ".join(parts)


_COLUMNS = (
    Column("group", lambda g: g.name),
    Column("who", _who),
    Column("members", lambda g: g.members),
    Column("behind", lambda g: g.behind),
    Column("state", lambda g: "leaving" if g.leaving else g.state),
    Column("priority", lambda g: g.spec.priority),
    Column("labels", lambda g: g.spec.labels),
    Column("values", _values),
)
_FIELDS = (
    *_COLUMNS,
    Column("why", lambda g: g.because),
    Column("canary", lambda g: g.spec.canary),
    Column("at once", lambda g: g.spec.at_once),
    Column("drift policy", lambda g: g.spec.drift.policy or "as the channel says"),
    Column("ignored", lambda g: [one.pointer for one in g.spec.drift.ignore]),
    Column("reason", lambda g: g.reason),
    Column("changed by", lambda g: g.changed_by),
    Column("changed", lambda g: g.changed_at),
)
_MEMBER_COLUMNS = (
    Column("device", lambda m: m.device_id),
    Column("member", lambda m: m.member),
    Column("current", lambda m: m.current),
    Column("standing", lambda m: m.standing),
)

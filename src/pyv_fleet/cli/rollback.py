"""`pyv-fleet rollback`: one command, the whole fleet, and how fast each device acknowledged."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pyv_fleet.cli.consent import ask_count
from pyv_fleet.cli.filters import expect_option, yes_option
from pyv_fleet.cli.output import Column, show_list, show_one, write_line
from pyv_fleet.cli.progress import POLL_SECONDS, Progress
from pyv_fleet.cli.rollback_offline import NAMES as OFFLINE_NAMES
from pyv_fleet.cli.rollback_offline import roll_back_offline, with_offline
from pyv_fleet.cli.session import Exit, Session, with_session

if TYPE_CHECKING:
    from pyv_fleet.core.views import RollbackChannel, RollbackReport, RollbackSpec, RollbackView
    from pyv_fleet.engine.rollback_watch import Following

timeout_option = click.option(
    "--timeout", type=click.FloatRange(0), default=120.0, show_default=True, help="Seconds to wait."
)
report_option = click.option(
    "--report",
    "report_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the report there: JSON if the name ends with .json, else Markdown.",
)


@click.group(invoke_without_command=True)
@click.option("--to", help="Version, digest, or last-good.")
@click.option("--all", "everything", is_flag=True, help="Every channel.")
@click.option("--channel", "channels", multiple=True, help="This channel; repeat.")
@click.option(
    "-l", "--selector", "selectors", multiple=True, metavar="LABEL=VALUE[,VALUE]",
    help="Devices with this label; repeat: all must match. With --channel, of that channel.",
)  # fmt: skip
@click.option("--reason", help="Why; it stands in the audit log.")
@yes_option
@expect_option
@timeout_option
@report_option
@with_offline
@with_session
def rollback(session: Session, **options: Any) -> None:
    """Take devices back to a release at once, without waves; or look at the rollbacks there were.

    Exits 0 when every device that was online when it was ordered is back, 9 with the list of those that are not.
    With --offline-key it needs neither store nor API, and exits 8 while some are still on their way at --timeout.
    """
    asked = {name: value for name, value in options.items() if name not in ("timeout", "yes")}
    if (at := click.get_current_context()).invoked_subcommand is not None:
        if any(asked.values()):
            raise click.UsageError(f"no order and `{at.invoked_subcommand}` in one: leave --to and the like out")
        return
    spec = _spec(options)
    if options["offline_keys"]:
        _offline(session, spec, options)
        return
    if named := [name for name in OFFLINE_NAMES if options[name]]:
        raise click.UsageError(f"{', '.join(named)}: only with --offline-key")
    tried = session.client.rollback(spec)
    _resolved(session, tried)
    ask_count(
        session, f"back to {tried.to_version}", tried.devices, yes=options["yes"], expected=options["expect_count"]
    )
    import msgspec

    ordered = msgspec.structs.replace(spec, dry_run=False, expect_count=tried.devices)
    follow_rollback(session, session.client.rollback(ordered), options["timeout"], options["report_file"])


@rollback.command("list")
@with_session
def list_(session: Session) -> None:
    """All rollbacks, the newest first."""
    show_list(session, list(session.client.rollbacks()), _LISTED)


@rollback.command()
@click.argument("rollback_id", metavar="ID|last")
@timeout_option
@report_option
@with_session
def watch(session: Session, rollback_id: str, timeout: float, report_file: Path | None) -> None:
    """Follow a rollback as the command that ordered it does, with the same ends."""
    follow_rollback(session, session.client.rollback_status(rollback_id), timeout, report_file)


@rollback.command()
@click.argument("rollback_id", metavar="ID|last")
@report_option
@with_session
def report(session: Session, rollback_id: str, report_file: Path | None) -> None:
    """What a rollback leaves: who, why, from what to what, each device with its seconds or its cause."""
    from pyv_fleet.core.rollback_report import markdown_of

    found = session.client.rollback_report(rollback_id)
    if report_file is not None:
        write_report(session, found, report_file)
    elif session.format == "table":
        click.echo(markdown_of(found), nl=False)
    elif session.format == "csv":
        show_list(session, found.devices, _DEVICES)
    else:
        show_one(session, found, ())


def write_report(session: Session, found: RollbackReport, path: Path) -> None:
    """As Markdown or JSON, by the file's name."""
    import msgspec

    from pyv_fleet.core.rollback_report import markdown_of
    from pyv_fleet.durable import write_durably

    json = path.suffix == ".json"
    data = msgspec.json.format(msgspec.json.encode(found), indent=2) if json else markdown_of(found).encode()
    write_durably(path, data)
    session.say(f"report: {path}")


def say_end(session: Session, seen: RollbackView, *, offline: bool = False) -> None:
    """Who is not back and why; ends the command with 9 if one that was online is not."""
    say_missing(session, seen, offline=offline)
    if seen.missing:
        session.leave(Exit.PARTLY_FAILED)


def say_missing(session: Session, seen: RollbackView, *, offline: bool) -> None:
    """Who is not back and why."""
    from pyv_fleet.core.rollback_report import cause_of

    if seen.away:
        session.say(f"not online: {seen.away}; the order stands and meets them on return")
    if not seen.missing:
        return
    session.say(f"online when it was ordered and not back: {len(seen.missing) + seen.missing_more}")
    for one in seen.missing:
        session.say(f"  {one.device_id}  {cause_of(one)}")
    if seen.missing_more:
        where = "--report FILE" if offline else f"pyv-fleet rollback report {seen.id}"
        session.say(f"  and {seen.missing_more} more: {where}")


def said(seen: RollbackView) -> str:
    """How far it is, in a line."""
    return f"{seen.online_acknowledged} of {seen.online} online devices acknowledged"


def _spec(options: dict[str, Any]) -> RollbackSpec:
    from pyv_fleet.core.selectors import SelectorError, parse_where
    from pyv_fleet.core.views import RollbackSpec

    for name in ("to", "reason"):
        if not (options[name] or "").strip():
            raise click.UsageError(f"Missing option '--{name}'.")
    if options["everything"] and options["channels"]:
        raise click.UsageError("--all or --channel, not both")
    if not (options["everything"] or options["channels"] or options["selectors"]):
        raise click.UsageError("say which devices: one of --all and --channel, or -l")
    try:
        labels = parse_where(options["selectors"])
    except SelectorError as why:
        raise click.BadParameter(str(why), param_hint="-l") from None
    return RollbackSpec(
        to=options["to"], channels=options["channels"], all=options["everything"], labels=labels,
        reason=options["reason"], dry_run=True,
    )  # fmt: skip


def _resolved(session: Session, tried: RollbackView) -> None:
    for part in tried.channels:
        session.say(_part(part, tried.selector))
    if tried.exempt:
        session.say(f"pinned or quarantined, so not meant: {tried.exempt}")
    session.say(f"online now: {tried.online}; those that are not meet it on return")


def _part(part: RollbackChannel, selector: str | None) -> str:
    chosen = f" with {selector}" if selector else ""
    was = ", ".join(f"{count} on {version}" for version, count in part.was.items()) or "no device"
    line = f"channel {part.channel}{chosen}: {was} → {part.version}"
    if part.held_out:
        line += f"\n  {part.held_out} of them are held out on another release: they go back too"
    if part.superseded is None:
        return line
    rest = ": of the other devices, who has its release keeps it, nobody else takes it" if selector else ""
    return f"{line}\n  rollout {part.superseded} runs there and ends here{rest}"


def follow_rollback(session: Session, begun: RollbackView, timeout: float, report_file: Path | None) -> None:
    """Watch it to its end, write its report, and leave with what that means: 9 names who is not back."""
    deadline = time.monotonic() + timeout
    acks = _Acks(session, begun.id)
    with Progress() as progress:
        while True:
            seen = session.client.rollback_status(begun.id)
            acks.tell(seen)
            progress.show(said(seen), seen.online_acknowledged, max(seen.online, 1))
            if seen.done or time.monotonic() >= deadline:
                break
            time.sleep(POLL_SECONDS)
    if session.format == "jsonl":
        write_line({"event": "ended", "rollback": seen})
    else:
        show_one(session, seen, _FIELDS)
    if report_file is not None:
        write_report(session, session.client.rollback_report(begun.id), report_file)
    say_end(session, seen)


def _offline(session: Session, spec: RollbackSpec, options: dict[str, Any]) -> None:
    """Through the broker alone; the same lines, report and ends, and 8 while some are on their way at the timeout."""
    told, progress, shown = 0, Progress(), False

    def tell(following: Following) -> None:
        nonlocal told, shown
        seen = following.view()
        if not shown:  # not before it has asked what it asks
            room.enter_context(progress)
            shown = True
        progress.show(said(seen), seen.online_acknowledged, max(seen.online, 1))
        if session.format == "jsonl":
            for device_id in following.order[told:]:
                write_line({"event": "acknowledged", "device_id": device_id})
        told = len(following.order)

    with ExitStack() as room:
        found = roll_back_offline(session, spec, options, tell)
    seen = found.rollback
    if session.format == "jsonl":
        write_line({"event": "ended", "rollback": seen})
    else:
        show_one(session, seen, _FIELDS)
    if options["report_file"] is not None:
        write_report(session, found, options["report_file"])
    if seen.waiting:
        say_missing(session, seen, offline=True)
        session.leave(Exit.TIMED_OUT)
    say_end(session, seen, offline=True)


class _Acks:
    """With `-o jsonl` a line for each acknowledgement, as it comes."""

    def __init__(self, session: Session, rollback_id: str) -> None:
        self._session = session
        self._id = rollback_id
        self._told = 0

    def tell(self, seen: RollbackView) -> None:
        """Those since the last time."""
        if self._session.format != "jsonl":
            return
        if not self._told:
            write_line({"event": "ordered", "rollback": seen})
        while self._told < seen.acknowledged:
            found = self._session.client.rollback_acks(self._id, self._told)
            for one in found.items:
                write_line({"event": "acknowledged", "device": one})
            self._told += len(found.items)
            if not found.items:
                return


def _names(seen: RollbackView) -> tuple[str, ...]:
    return tuple(one.channel for one in seen.channels)


_FIELDS = (
    Column("rollback", lambda r: r.id),
    Column("to", lambda r: r.to_version),
    Column("channels", _names),
    Column("selector", lambda r: r.selector),
    Column("devices", lambda r: r.devices),
    Column("online", lambda r: r.online),
    Column("acknowledged", lambda r: r.acknowledged),
    Column("first (s)", lambda r: _seconds(r.first_seconds)),
    Column("median (s)", lambda r: _seconds(r.median_seconds)),
    Column("last (s)", lambda r: _seconds(r.last_seconds)),
)
_LISTED = (
    Column("id", lambda r: r.id),
    Column("to", lambda r: r.to_version),
    Column("channels", _names),
    Column("selector", lambda r: r.selector),
    Column("state", lambda r: r.state),
    Column("online back", lambda r: f"{r.online_acknowledged}/{r.online}"),
    Column("all back", lambda r: f"{r.acknowledged}/{r.devices}"),
    Column("ordered", lambda r: r.started_at),
    Column("by", lambda r: r.created_by),
    Column("reason", lambda r: r.reason),
)


_DEVICES = (
    Column("device", lambda d: d.device_id),
    Column("channel", lambda d: d.channel),
    Column("online", lambda d: d.online),
    Column("standing", lambda d: d.standing),
    Column("cause", lambda d: d.cause),
    Column("seconds", lambda d: _seconds(d.seconds)),
)


def _seconds(value: float | None) -> str | None:
    return None if value is None else f"{value:.2f}"

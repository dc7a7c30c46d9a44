"""`pyv-fleet device set|pin|unpin|overlay|quarantine|unquarantine`: what one device is told for itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from pyv_fleet.cli.filters import labels_of, reason_option
from pyv_fleet.cli.output import Column, columns_of, show_one
from pyv_fleet.cli.session import CliError, Exit, Session, with_session

if TYPE_CHECKING:
    from pyv_fleet.core.views import AssignmentView

OVERLAY_BYTES_MAX: Final = 64 * 1024


@click.command("set")
@click.argument("device_id")
@click.option("--label", "labels", multiple=True, metavar="KEY=VALUE", help="Set a label; repeat.")
@click.option("--unlabel", "unlabels", multiple=True, metavar="KEY", help="Take a label away; repeat.")
@click.option("--channel", help="Move it; it keeps what it runs until the new channel's order reaches it.")
@click.option("--tz", help="Its time zone, in which windows count: Europe/Berlin.")
@click.option("--if-number", type=int, help="Only if its assignment still has this number.")
@reason_option
@with_session
def set_(
    session: Session, device_id: str, labels: tuple[str, ...], unlabels: tuple[str, ...], reason: str, **others: Any
) -> None:
    """Set labels, channel or time zone of one device."""
    wanted: dict[str, Any] = {name: value for name, value in others.items() if value is not None}
    both: dict[str, str | None] = {**labels_of(labels), **dict.fromkeys(unlabels)}
    if both:
        wanted["labels"] = both
    if not wanted.keys() - {"if_number"}:
        raise click.UsageError("nothing to set: name --label, --unlabel, --channel or --tz")
    _change(session, device_id, reason, **wanted)


@click.command()
@click.argument("device_id")
@click.option("--release", required=True, help="Version or digest that it runs, whatever its channel's rules say.")
@click.option("--at-once", is_flag=True, help="Past windows, locks and spread, as a rollback is.")
@reason_option
@with_session
def pin(session: Session, device_id: str, release: str, at_once: bool, reason: str) -> None:
    """Keep one device on a release of its own, until it is unpinned."""
    from pyv_fleet.core.views import PinBody

    _change(session, device_id, reason, pin=PinBody(release=release, at_once=at_once))


@click.command()
@click.argument("device_id")
@reason_option
@with_session
def unpin(session: Session, device_id: str, reason: str) -> None:
    """Have a device follow its channel again."""
    _change(session, device_id, reason, pin=None)


@click.command()
@click.argument("device_id")
@click.option("--set", "settings", multiple=True, metavar="/POINTER=JSON", help="Set a value, by its path; repeat.")
@click.option("--unset", "unsettings", multiple=True, metavar="/POINTER", help="Leave a value to the release; repeat.")
@click.option("--file", type=click.Path(path_type=Path, dir_okay=False), help="The whole overlay, as JSON.")
@click.option("--reason", help="Why; needed to change anything.")
@with_session
def overlay(
    session: Session,
    device_id: str,
    settings: tuple[str, ...],
    unsettings: tuple[str, ...],
    file: Path | None,
    reason: str | None,
) -> None:
    """The values that one device has of its own over its release's config: show them, or set them.

    Only what the release opens may be set; the merged config is checked before anything is changed.
    """
    now = session.client.assignment(device_id)
    if not settings and not unsettings and file is None:
        _show_overlay(session, now)
        return
    if not reason or not reason.strip():
        raise click.UsageError("--reason is needed to change anything; it stands in the audit log")
    wanted = edited(now.own_overlay if file is None else read_json(file), settings, unsettings)
    _change(session, device_id, reason, overlay=wanted, if_number=now.number)


@click.command()
@click.argument("device_id")
@reason_option
@with_session
def quarantine(session: Session, device_id: str, reason: str) -> None:
    """Shut a device out: its certificate counts nowhere, its session ends; it stays on what it runs."""
    show_one(session, session.client.quarantine(device_id, reason), _FIELDS)


@click.command()
@click.argument("device_id")
@reason_option
@with_session
def unquarantine(session: Session, device_id: str, reason: str) -> None:
    """Let a device in again; it comes back by itself and obeys what stands then."""
    show_one(session, session.client.unquarantine(device_id, reason), _FIELDS)


COMMANDS: Final = (set_, pin, unpin, overlay, quarantine, unquarantine)


def _change(session: Session, device_id: str, reason: str, **wanted: Any) -> None:
    from pyv_fleet.core.views import DevicePatch

    show_one(session, session.client.change_device(device_id, DevicePatch(reason=reason, **wanted)), _FIELDS)


def edited(overlay_: dict[str, Any], settings: Sequence[str], unsettings: Sequence[str]) -> dict[str, Any]:
    """An overlay with settings `/pointer=JSON` set and pointers taken out; CliError says which is wrong."""
    from pyv_fleet.core.pointers import PointerError, placed, taken_out

    try:
        for pointer in unsettings:
            overlay_ = taken_out(overlay_, pointer)
        for setting in settings:
            pointer, equals, text = setting.partition("=")
            if not equals:
                raise CliError(f"{setting!r}: write /pointer=JSON", Exit.USAGE)
            overlay_ = placed(overlay_, pointer, _value(setting, text))
    except PointerError as why:
        raise CliError(str(why), Exit.USAGE) from None
    return overlay_


def _value(setting: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise CliError(f"{setting!r}: {text!r} is no JSON; a text is written with quotes: '\"{text}\"'") from None


def read_json(path: Path) -> dict[str, Any]:
    """An object in a JSON file of bounded size; CliError."""
    with path.open("rb") as opened:
        data = opened.read(OVERLAY_BYTES_MAX + 1)
    if len(data) > OVERLAY_BYTES_MAX:
        raise CliError(f"{path}: larger than {OVERLAY_BYTES_MAX} bytes")
    try:
        found = json.loads(data)
    except ValueError as why:
        raise CliError(f"{path}: no JSON: {why}") from None
    if not isinstance(found, dict):
        raise CliError(f"{path}: an overlay is an object, as in {{}}")
    return found


def _show_overlay(session: Session, now: AssignmentView) -> None:
    if session.format == "table":
        click.echo(json.dumps(now.own_overlay, indent=2))
    else:
        show_one(session, now.own_overlay, columns_of(now.own_overlay))
    from pyv_fleet.core.group_layers import OWN

    theirs = [f"{leaf} ({source})" for leaf, source in now.sources.items() if source != OWN]
    if theirs:
        session.say(f"beside it: {', '.join(theirs)}")


def pin_text(pin_: Any) -> str | None:
    """A pin in a word."""
    return None if pin_ is None else f"{pin_.version or pin_.release} ({pin_.kind}, attempt {pin_.attempt})"


_FIELDS = (
    Column("device", lambda a: a.device_id),
    Column("channel", lambda a: a.channel),
    Column("labels", lambda a: a.labels),
    Column("pin", lambda a: pin_text(a.pin)),
    Column("groups", lambda a: a.groups),
    Column("overlay sets", lambda a: [f"{leaf} ({source})" for leaf, source in a.sources.items()]),
    Column("time zone", lambda a: a.tz),
    Column("quarantined", lambda a: a.quarantined),
    Column("number", lambda a: a.number),
    Column("the device has it", lambda a: a.heard),
)

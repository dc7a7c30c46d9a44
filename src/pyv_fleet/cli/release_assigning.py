"""`pyv-fleet release assign`: what the layers of groups and devices say, given to them; a few at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from pyv_fleet.cli.consent import ask_count
from pyv_fleet.cli.filters import expect_option, why, yes_option
from pyv_fleet.cli.output import Column, show_list
from pyv_fleet.cli.progress import Progress, follow
from pyv_fleet.cli.session import CliError, Exit, Session, with_session

if TYPE_CHECKING:
    from pyv_fleet.cli.release_folder import Folder
    from pyv_fleet.core.assigning import Given


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What a group or device is to be given, and what came of it."""

    #: `group` or `device`
    kind: str
    name: str
    #: the key paths that it then sets
    keys: tuple[str, ...]
    #: that are touched; 0 = it has these values already, or is left out
    devices: int
    detail: str = ""
    done: bool = False


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--check", is_flag=True, help="Only show what would change; exits 3 if anything would.")
@click.option("--reason", callback=why, help="Why; it stands in the audit log.")
@click.option("--at-once", type=click.IntRange(1, 1000), default=10, show_default=True, help="Devices in a step.")
@click.option("--timeout", type=click.FloatRange(0), default=600.0, show_default=True, help="Seconds a step may take.")
@yes_option
@expect_option
@with_session
def assign(
    session: Session,
    folder: Path,
    check: bool,
    reason: str | None,
    at_once: int,
    timeout: float,
    yes: bool,
    expect_count: int | None,
) -> None:
    """Give groups and devices the values of their layers, when the release that opens them runs.

    Groups take theirs in their own steps, at the controller. Devices get theirs here: one first, then --at-once, each
    step when the one before is healthy with it; who is away is not waited for. The first that is not stops it, exit 9.
    """
    found = _signed(session, folder)
    changes = [*_groups(session, found, check), *_devices(session, found)]
    count = sum(one.devices for one in changes)
    if check or not count:
        show_list(session, changes, _COLUMNS)
        session.leave(Exit.DRIFT if count else Exit.OK)
    if reason is None:
        raise click.UsageError("Missing option '--reason'.")
    for one in changes:
        if one.devices:
            session.say(f"{one.kind} {one.name}: {', '.join(one.keys) or 'no values of its own'}")
    ask_count(session, f"values of {found.release.version}", count, yes=yes, expected=expect_count)
    done = [_give_group(session, found, one, reason) if one.kind == "group" else one for one in changes]
    done, stopped = _give_devices(session, found, done, reason, at_once, timeout)
    show_list(session, done, _COLUMNS)
    if stopped:
        session.say(stopped)
        session.leave(Exit.PARTLY_FAILED)


def _signed(session: Session, path: Path) -> Folder:
    from pyv_fleet.cli.release_folder import read_folder
    from pyv_fleet.cli.release_judging import refuse_unverified

    found = read_folder(path)
    refuse_unverified(session, found)
    if found.overlays is None:
        raise CliError(f"{path}: has no layers of groups or devices: nothing to assign", Exit.USAGE)
    return found


def _groups(session: Session, found: Folder, check: bool) -> list[Change]:
    from pyv_fleet.client import NotFound
    from pyv_fleet.core.views import GroupBody

    changes = []
    for name, one in _overlays(found).groups.items():
        try:
            now = session.client.group(name)
        except NotFound:
            raise CliError(
                f"there is no group {name}: say who is in it with: pyv-fleet group set {name} --selector KEY=VALUE",
                Exit.NOT_FOUND,
            ) from None
        touched, said = 0, "has them already"
        if now.spec.values != one.overlay:
            spec = msgspec.structs.replace(now.spec, values=one.overlay)
            would = session.client.put_group(name, GroupBody(spec=spec, reason="release assign", dry_run=True))
            touched, said = would.members, ""
        changes.append(Change(kind="group", name=name, keys=_keys(one.overlay), devices=touched, detail=said))
    return changes


def _devices(session: Session, found: Folder) -> list[Change]:
    changes = []
    channel = found.provenance.channel
    for device_id, one in _overlays(found).devices.items():
        now = session.client.assignment(device_id)
        said = ""
        if channel is not None and now.channel != channel:
            said = f"left out: it is in {now.channel}"
        elif now.own_overlay == one.overlay:
            said = "has them already"
        keys = _keys(one.overlay)
        changes.append(Change(kind="device", name=device_id, keys=keys, devices=0 if said else 1, detail=said))
    return changes


def _give_group(session: Session, found: Folder, change: Change, reason: str) -> Change:
    from pyv_fleet.core.views import GroupBody

    if not change.devices:
        return change
    values = _overlays(found).groups[change.name].overlay
    spec = msgspec.structs.replace(session.client.group(change.name).spec, values=values)
    view = session.client.put_group(change.name, GroupBody(spec=spec, reason=reason))
    session.say(f"follow group {change.name} with: pyv-fleet group show {change.name}")
    return msgspec.structs.replace(change, done=True, detail=f"{view.state}: {view.because}")


def _give_devices(
    session: Session, found: Folder, changes: Sequence[Change], reason: str, at_once: int, timeout: float
) -> tuple[list[Change], str]:
    """The changes with what came of them, and why it stopped; empty if it did not."""
    from pyv_fleet.core.assigning import bad, steps
    from pyvorin_edge.vocabulary import Connectivity

    meant = [one.name for one in changes if one.kind == "device" and one.devices]
    online = frozenset(one for one in meant if session.client.device(one).connectivity is Connectivity.ONLINE)
    said: dict[str, str] = {}
    stopped = ""
    with Progress() as progress:
        for step in steps(meant, online, at_once):
            for device_id in step:
                _patch(session, device_id, _overlays(found).devices[device_id].overlay, reason)
            show = partial(_show, progress, len(said), len(meant))
            seen = _followed(session, step, timeout, show)
            said |= {one.device_id: one.standing.sentence for one in seen}
            ill = bad(seen)
            if ill:
                stopped = f"stopped: {', '.join(ill)} did not take the values: look at pyv-fleet device show {ill[0]}"
                break
    return [_with(one, said) if one.kind == "device" and one.devices else one for one in changes], stopped


def _patch(session: Session, device_id: str, overlay: dict[str, Any], reason: str) -> None:
    from pyv_fleet.core.views import DevicePatch

    session.client.change_device(device_id, DevicePatch(overlay=overlay, reason=reason))


def _followed(
    session: Session, step: Sequence[str], timeout: float, show: Callable[[list[Given]], None]
) -> list[Given]:
    from pyv_fleet.core.assigning import Given, rested, standing_of

    def look() -> list[Given]:
        client = session.client
        return [Given(one, standing_of(client.device(one), client.assignment(one))) for one in step]

    return follow(look, rested, show, timeout) or look()


def _show(progress: Progress, done: int, total: int, given: Sequence[Given]) -> None:
    progress.show(", ".join(f"{one.device_id}: {one.standing.sentence}" for one in given), done, total)


def _with(change: Change, said: dict[str, str]) -> Change:
    detail = said.get(change.name, "not given: it stopped before")
    return msgspec.structs.replace(change, done=change.name in said, detail=detail)


def _overlays(found: Folder) -> Any:
    assert found.overlays is not None, "_signed has refused it"
    return found.overlays


def _keys(overlay: dict[str, Any]) -> tuple[str, ...]:
    from pyvorin_edge.config.layers import leaves

    return leaves(overlay)


_COLUMNS = (
    Column("kind", lambda c: c.kind),
    Column("name", lambda c: c.name),
    Column("keys", lambda c: c.keys),
    Column("devices", lambda c: c.devices),
    Column("done", lambda c: c.done),
    Column("detail", lambda c: c.detail),
)

"""`pyv-fleet release export`: the orders in force as one file, to be carried on a stick."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec

from pyv_fleet.cli import bundles
from pyv_fleet.cli.output import Column, show_one
from pyv_fleet.cli.session import CliError, Exit, Session, with_session

if TYPE_CHECKING:
    from pyv_fleet.core.parcels import Contents

STDOUT: Final = Path("-")


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """What was written."""

    file: str
    bytes: int
    channel: str
    generation: int
    #: RFC 3339; devices refuse it later, unless they took it before
    valid_until: str
    device: str | None
    releases: tuple[str, ...]
    #: archives written beside it
    bundles: tuple[str, ...]


@click.command()
@click.option("--channel", help="The orders of this channel, for any of its devices.")
@click.option("--device", metavar="ID", help="The orders of one device: with its assignment.")
@click.option(
    "--release",
    help="Order this release first, on a --channel that no device follows over the network; needs --reason.",
)
@click.option("--reason", help="Why, for the order and the audit log; with --release.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True), required=True, help="File; - is stdout."
)
@click.option(
    "--bundle-to",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the bundles' archives there: no parcel has room for one.",
)
@with_session
def export(
    session: Session,
    channel: str | None,
    device: str | None,
    release: str | None,
    reason: str | None,
    out: Path,
    bundle_to: Path | None,
) -> None:
    """Write the orders in force as a parcel: what `pyv-edge-agent apply FILE` takes on a device without network.

    It holds trust documents, the directive, releases and configs, all signed and of the same generation as over the
    network; so it needs no secret, and whoever carries it cannot change it.
    """
    from pyv_fleet.core.parcels import contents_of
    from pyv_fleet.durable import write_durably

    data = parcel_of(session, channel, device, release, reason)
    contents = contents_of(data)
    archives = _bundles(session, contents, bundle_to)
    if out == STDOUT:
        click.echo(data, nl=False)
    else:
        write_durably(out, data, mode=0o644)
        show_one(session, _exported(out, data, contents, device, archives), _FIELDS)
    _say_bundles(session, out, contents, archives)


def parcel_of(
    session: Session, channel: str | None, device: str | None, release: str | None, reason: str | None
) -> bytes:
    """The parcel that the options ask for."""
    if (channel is None) == (device is None):
        raise CliError("name one: --channel, or --device", Exit.USAGE)
    if (release is None) != (reason is None) or (release is not None and channel is None):
        raise CliError("--release and --reason stand together, with --channel", Exit.USAGE)
    client = session.client
    if device is not None:
        return client.device_parcel(device)
    if release is not None:
        return client.order_parcel(channel or "", release, reason or "")
    return client.channel_parcel(channel or "")


def _exported(out: Path, data: bytes, contents: Contents, device: str | None, archives: list[Path]) -> Exported:
    from datetime import UTC, datetime

    directive = contents.directive
    if directive is None:
        raise CliError("the controller's parcel has no directive: are both of the same version?")
    return Exported(
        file=str(out),
        bytes=len(data),
        channel=directive.channel,
        generation=directive.generation,
        valid_until=datetime.fromtimestamp(directive.expires_at / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        device=device,
        releases=contents.versions,
        bundles=tuple(map(str, archives)),
    )


def _bundles(session: Session, contents: Contents, folder: Path | None) -> list[Path]:
    if folder is None or not contents.bundles:
        return []
    return [bundles.fetch_to(session, bundle, folder) for bundle in contents.bundles.values()]


def _say_bundles(session: Session, out: Path, contents: Contents, archives: list[Path]) -> None:
    if contents.bundles and not archives:
        total = sum(bundle.size for bundle in contents.bundles.values())
        session.say(
            f"{len(contents.bundles)} of its releases have a bundle ({total} bytes), for which a parcel has no room: "
            "a device without network needs the archive too, which --bundle-to DIR writes"
        )
    for archive in archives:
        session.say(f"on the device: pyv-edge-agent apply {out.name} --bundle {archive.name}")


_FIELDS = (
    Column("file", lambda e: e.file),
    Column("bytes", lambda e: e.bytes),
    Column("channel", lambda e: e.channel),
    Column("generation", lambda e: e.generation),
    Column("valid until", lambda e: e.valid_until),
    Column("device", lambda e: e.device),
    Column("releases", lambda e: e.releases),
    Column("bundles", lambda e: e.bundles),
)

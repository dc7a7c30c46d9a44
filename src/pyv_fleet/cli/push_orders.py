"""What a push brings to each host: one parcel for all of a channel, or each device's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from pyv_fleet.cli import bundles
from pyv_fleet.cli.session import CliError, Exit, Session, naming
from pyv_fleet.core.inventory import Host
from pyv_fleet.core.parcels import Contents, contents_of, needed
from pyv_fleet.pushing import Archive, Load

if TYPE_CHECKING:
    from pyvorin_edge.orders import Directive


class Asked(NamedTuple):
    """The options that say which orders."""

    channel: str | None
    release: str | None
    reason: str | None
    parcel: Path | None
    bundles: tuple[Path, ...]

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """CliError for options that contradict each other."""
        asked = cls(*(given[name] for name in cls._fields))
        if asked.parcel is not None and asked.channel is not None:
            raise CliError("name one: --parcel, or --channel", Exit.USAGE)
        if (asked.release is None) != (asked.reason is None) or (asked.release is not None and asked.channel is None):
            raise CliError("--release and --reason stand together, with --channel", Exit.USAGE)
        if asked.bundles and asked.parcel is None:
            raise CliError("--bundle stands with --parcel: else the controller has the archives", Exit.USAGE)
        if given["check"] and asked.release is not None:
            raise CliError("--check changes nothing, so it orders no --release either", Exit.USAGE)
        return asked


def loads_of(session: Session, hosts: Sequence[Host], asked: Asked, room: Path) -> dict[str, Load]:
    """A load for each host, by name; archives of bundles are fetched into `room`."""
    if asked.parcel is not None:
        return _from_file(hosts, asked.parcel, asked.bundles)
    parcels = _from_controller(session, hosts, asked)
    found: dict[bytes, Load] = {}
    for parcel in parcels.values():
        if parcel not in found:
            contents = contents_of(parcel)
            found[parcel] = Load(parcel, contents, _archives(session, contents, room))
    return {name: found[parcel] for name, parcel in parcels.items()}


def generations(loads: Mapping[str, Load]) -> dict[str, int]:
    """Of each channel that is ordered."""
    return {one.channel: one.generation for one in map(_directive, loads.values())}


def described(loads: Mapping[str, Load]) -> str:
    """What is pushed, for the person who must say yes to it."""
    versions = sorted({version for load in loads.values() for version in _versions(load)})
    channels = ", ".join(f"channel {name} generation {number}" for name, number in generations(loads).items())
    return f"{channels} (release {', '.join(versions) or 'none'})"


def _versions(load: Load) -> list[str]:
    known = load.contents.releases
    return [known[release].version for release in needed(_directive(load)) if release in known]


def _from_file(hosts: Sequence[Host], path: Path, archives: Sequence[Path]) -> dict[str, Load]:
    data = path.read_bytes()
    with naming(path):
        contents = contents_of(data)
    if contents.directive is None:
        raise CliError(f"{path}: has no directive: there is nothing to compare a device's word with")
    if contents.assignment is not None and len(hosts) > 1:
        raise CliError(f"{path}: is of {contents.assignment.device_id} alone, and {len(hosts)} hosts are meant")
    load = Load(data, contents, dict(_given(contents, archives)))
    return {host.name: load for host in hosts}


def _given(contents: Contents, archives: Sequence[Path]) -> list[tuple[str, Archive]]:
    found = []
    for path in archives:
        reference = bundles.reference_to(path)
        if reference.sha256 not in contents.bundles:
            raise CliError(f"{path}: is not what a release in the parcel names")
        found.append((str(reference.sha256), Archive(path, reference.size)))
    return found


def _from_controller(session: Session, hosts: Sequence[Host], asked: Asked) -> dict[str, bytes]:
    nameless = next((host.name for host in hosts if host.device is None), None)
    if asked.channel is None and nameless is not None:
        raise CliError(f"host {nameless}: no device id stands in the inventory: name a --channel", Exit.USAGE)
    client, whole = session.client, b""
    if asked.release is not None:
        whole = client.order_parcel(asked.channel or "", asked.release, asked.reason or "")
    elif asked.channel is not None:
        whole = client.channel_parcel(asked.channel)
    found = {}
    for host in hosts:
        own = _own(session, host, asked.channel)
        if own is None and not whole:
            raise CliError(f"host {host.name}: this fleet has no device {host.device}: name a --channel", Exit.USAGE)
        found[host.name] = own or whole
    return found


def _own(session: Session, host: Host, channel: str | None) -> bytes | None:
    """The orders of a host's own device, with its assignment; none if the controller does not know it."""
    from pyv_fleet.client import NotFound

    if host.device is None:
        return None
    try:
        parcel = session.client.device_parcel(host.device)
    except NotFound:
        return None
    follows = contents_of(parcel).directive
    if channel is not None and follows is not None and follows.channel != channel:
        raise CliError(
            f"host {host.name}: {host.device} follows channel {follows.channel}, not {channel}", Exit.CONFLICT
        )
    return parcel


def _archives(session: Session, contents: Contents, room: Path) -> dict[str, Archive]:
    return {
        sha256: Archive(bundles.fetch_to(session, bundle, room), bundle.size)
        for sha256, bundle in contents.bundles.items()
    }


def _directive(load: Load) -> Directive:
    if load.contents.directive is None:
        raise CliError("the controller's parcel has no directive: are both of the same version?")
    return load.contents.directive

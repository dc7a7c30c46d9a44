"""A host of an inventory, and which of them are meant."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from pyvorin_edge.errors import PyvorinError

Port = Annotated[int, Meta(ge=1, le=65_535)]


class InventoryError(PyvorinError):
    """An inventory that cannot be read, or in which nothing is meant; the message says where, and what to do."""


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """One device, as SSH reaches it."""

    #: how people call it; unique in the inventory
    name: str
    #: host name or IP address; none = whatever the OpenSSH client config says for the name
    address: str | None = None
    #: none = as the OpenSSH client config says, or 22
    port: Port | None = None
    #: none = as the OpenSSH client config says, or the operator's own name
    user: str | None = None
    #: the device id that must answer; none = whichever does
    device: str | None = None
    labels: dict[str, str] = {}
    groups: tuple[str, ...] = ()
    #: the command of the agent there
    agent: str = "pyv-edge-agent"
    state_dir: str | None = None
    #: run it as root, by `sudo -n`
    sudo: bool = False
    #: goes first
    canary: bool = False


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """Hosts in the order of the file, and what in it does not count, a sentence each."""

    hosts: tuple[Host, ...]
    notes: tuple[str, ...] = ()


def chosen(
    inventory: Inventory, *, names: Collection[str] = (), groups: Collection[str] = (), labels: Mapping[str, str]
) -> tuple[Host, ...]:
    """The hosts that are meant: of any of the names, any of the groups, and all of the labels. InventoryError for a
    name or group that is not there, or if none is left."""
    _refuse_unknown("host", names, [host.name for host in inventory.hosts])
    _refuse_unknown("group", groups, [group for host in inventory.hosts for group in host.groups])
    found = tuple(
        host
        for host in inventory.hosts
        if (not names or host.name in names)
        and (not groups or not set(groups).isdisjoint(host.groups))
        and all(host.labels.get(key) == value for key, value in labels.items())
    )
    if not found:
        raise InventoryError(f"none of its {len(inventory.hosts)} hosts is meant by the names, groups and labels given")
    return found


def refuse_unsound(hosts: Sequence[Host]) -> None:
    """InventoryError if two have one name or one device id, or a command or address is none."""
    for host in hosts:
        if (host.address or host.name).startswith("-") or not (host.address or host.name).strip():
            raise InventoryError(f"host {host.name!r}: {host.address or host.name!r} is no address")
        try:
            words = shlex.split(host.agent)
        except ValueError as why:
            raise InventoryError(f"host {host.name}: agent: {why}") from None
        if not words:
            raise InventoryError(f"host {host.name}: agent: is empty")
    for what, values in (("name", [one.name for one in hosts]), ("device id", [one.device for one in hosts])):
        seen: set[str] = set()
        for value in values:
            if value is not None and value in seen:
                raise InventoryError(f"two hosts have the {what} {value!r}")
            seen.add(value or "")


def _refuse_unknown(what: str, wanted: Collection[str], known: Collection[str]) -> None:
    missing = sorted(set(wanted).difference(known))
    if missing:
        raise InventoryError(f"no {what} {missing[0]!r} in the inventory; there: {', '.join(sorted(set(known))[:12])}")

"""An inventory from text, in whichever of its forms; each form has its own file."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from pyv_fleet.core.inventory.ansible import read_ini, read_yaml
from pyv_fleet.core.inventory.hosts import Host, Inventory, InventoryError, refuse_unsound
from pyv_fleet.core.inventory.openssh import read_ssh_config
from pyv_fleet.core.words import InventoryKind

TEXT_LETTERS_MAX: Final = 4 * 1024 * 1024


def kind_of(name: str) -> InventoryKind:
    """The form by a file's name: `.toml`, `.yml` or `.yaml`, `config` or `ssh_config`; all others are Ansible's INI."""
    last = name.rpartition("/")[2]
    match last.lower().rpartition(".")[2]:
        case "toml":
            return InventoryKind.TOML
        case "yml" | "yaml":
            return InventoryKind.ANSIBLE_YAML
    return InventoryKind.SSH_CONFIG if last in ("config", "ssh_config") else InventoryKind.ANSIBLE_INI


def read_inventory(text: str, kind: InventoryKind) -> Inventory:
    """The hosts that a text names; InventoryError says where it is wrong."""
    if len(text) > TEXT_LETTERS_MAX:
        raise InventoryError(f"{len(text)} letters, where at most {TEXT_LETTERS_MAX} are read")
    try:
        found = _READERS[kind](text)
    except RecursionError:
        raise InventoryError("it is nested too deep") from None
    if not found.hosts:
        raise InventoryError(f"it names no host ({kind.sentence})")
    refuse_unsound(found.hosts)
    return found


class _Toml(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    host: tuple[dict[str, Any], ...] = ()
    defaults: dict[str, Any] = {}


class _Entry(Host, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A `[[host]]`: a misspelt key is an error."""


def _read_toml(text: str) -> Inventory:
    try:
        document = msgspec.convert(tomllib.loads(text), _Toml)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, RecursionError) as why:
        raise InventoryError(f"{why}; it has [defaults] and [[host]] tables") from None
    return Inventory(hosts=tuple(_host(number, one, document.defaults) for number, one in enumerate(document.host, 1)))


def _host(number: int, said: Mapping[str, Any], defaults: Mapping[str, Any]) -> Host:
    labels = {**_labels(defaults), **_labels(said)}
    try:
        return Host(**msgspec.structs.asdict(msgspec.convert({**defaults, **said, "labels": labels}, _Entry)))
    except msgspec.ValidationError as why:
        raise InventoryError(f"host {number} ({said.get('name', 'without a name')}): {why}") from None


def _labels(said: Mapping[str, Any]) -> Mapping[str, Any]:
    labels = said.get("labels", {})
    return labels if isinstance(labels, dict) else {"": labels}


_READERS: Final[Mapping[InventoryKind, Callable[[str], Inventory]]] = {
    InventoryKind.TOML: _read_toml,
    InventoryKind.ANSIBLE_INI: read_ini,
    InventoryKind.ANSIBLE_YAML: read_yaml,
    InventoryKind.SSH_CONFIG: read_ssh_config,
}

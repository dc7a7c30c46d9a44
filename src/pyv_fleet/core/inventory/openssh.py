"""The hosts that an OpenSSH client config names one by one; patterns name none. The SSH client itself reads the rest
of it: address, port, user, keys, jump hosts."""

from __future__ import annotations

import shlex
from typing import Final

from pyv_fleet.core.inventory.hosts import Host, Inventory, InventoryError

_PATTERN: Final = frozenset("*?!")


def read_ssh_config(text: str) -> Inventory:
    """Every name of every `Host` line that is no pattern, once."""
    names: dict[str, None] = {}
    notes = []
    for number, line in enumerate(text.splitlines(), 1):
        key, words = _words(number, line)
        if key == "host":
            names.update(dict.fromkeys(word for word in words if not _PATTERN.intersection(word)))
        elif key == "include":
            notes.append(f"line {number}: hosts of included files are not listed: name that file as the inventory")
    return Inventory(hosts=tuple(Host(name=name) for name in names), notes=tuple(notes))


def _words(number: int, line: str) -> tuple[str, list[str]]:
    key, _, rest = line.strip().replace("=", " ", 1).replace("\t", " ").partition(" ")
    if key.lower() not in ("host", "include"):
        return "", []
    try:
        return key.lower(), shlex.split(rest, comments=True)
    except ValueError as why:
        raise InventoryError(f"line {number}: {why}") from None

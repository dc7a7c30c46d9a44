"""Ansible's static inventories, INI and YAML: hosts, groups, their children and variables, number ranges in names.

Only what SSH needs is taken of the variables. Passwords are not: a push logs in by keys.
"""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from pyv_fleet.core.inventory.hosts import Host, Inventory, InventoryError

ALL: Final = "all"
UNGROUPED: Final = "ungrouped"
RANGE_MAX: Final = 10_000
#: host variable → field of Host
_TAKEN: Final = {
    "ansible_host": "address",
    "ansible_ssh_host": "address",
    "ansible_port": "port",
    "ansible_ssh_port": "port",
    "ansible_user": "user",
    "ansible_ssh_user": "user",
    "ansible_become": "sudo",
    "pyvorin_device": "device",
    "pyvorin_agent": "agent",
    "pyvorin_state_dir": "state_dir",
    "pyvorin_canary": "canary",
}
_SECRET: Final = ("ansible_password", "ansible_ssh_pass", "ansible_become_password", "ansible_become_pass")
_RANGE: Final = re.compile(r"\[(?:(\d+):(\d+)(?::(\d+))?|([A-Za-z]):([A-Za-z]))\]")
_SECTION: Final = re.compile(r"\[([^\]:]+)(?::(vars|children))?\]\s*(?:[#;].*)?")
Variables = dict[str, Any]


@dataclass
class _Group:
    hosts: dict[str, Variables] = field(default_factory=dict)
    variables: Variables = field(default_factory=dict)
    children: list[str] = field(default_factory=list)


def read_ini(text: str) -> Inventory:
    """Ansible's INI form; InventoryError names the line."""
    groups: dict[str, _Group] = {}
    group, part = groups.setdefault(UNGROUPED, _Group()), ""
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        if line[0] == "[" and (section := _SECTION.fullmatch(line)):
            group, part = groups.setdefault(section[1].strip(), _Group()), section[2] or ""
            continue
        try:
            _take_line(group, part, line)
        except (ValueError, InventoryError) as why:
            raise InventoryError(f"line {number}: {why}") from None
    return _resolved(groups)


def read_yaml(text: str) -> Inventory:
    """Ansible's YAML form; InventoryError names the group."""
    import yaml

    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as why:
        raise InventoryError(f"not YAML: {why}") from None
    if not isinstance(document, dict):
        raise InventoryError("the root of a YAML inventory is a table of groups, as `all:`")
    groups: dict[str, _Group] = {}
    for name, said in document.items():
        _take_group(groups, str(name), said, depth=0)
    return _resolved(groups)


def _take_line(group: _Group, part: str, line: str) -> None:
    if part == "vars":
        key, equals, value = line.partition("=")
        if not equals:
            raise ValueError(f"{line!r} is no key=value")
        group.variables[key.strip()] = _plain(value.split(" #", 1)[0].strip())
    elif part == "children":
        group.children.append(shlex.split(line, comments=True)[0])
    else:
        name, *pairs = shlex.split(line, comments=True)
        said: Variables = {}
        for pair in pairs:
            key, equals, value = pair.partition("=")
            if not equals:
                raise ValueError(f"{pair!r} is no key=value")
            said[key] = _plain(value)
        for one in _expanded(name):
            group.hosts.setdefault(one, {}).update(said)


def _take_group(groups: dict[str, _Group], name: str, said: Any, depth: int) -> None:
    group = groups.setdefault(name, _Group())
    for key, inner in _table(name, said).items():
        match key:
            case "hosts":
                for pattern, variables in _table(f"{name}.hosts", inner).items():
                    for one in _expanded(str(pattern)):
                        group.hosts.setdefault(one, {}).update(_table(f"{name}.hosts.{one}", variables))
            case "vars":
                group.variables.update(_table(f"{name}.vars", inner))
            case "children":
                for child, further in _table(f"{name}.children", inner).items():
                    group.children.append(str(child))
                    _take_group(groups, str(child), further, depth + 1)
            case _:
                raise InventoryError(f"{name}.{key}: a group has hosts, vars and children")


def _table(where: str, said: Any) -> dict[str, Any]:
    if said is None:
        return {}
    if not isinstance(said, dict):
        raise InventoryError(f"{where}: a table is needed, not {type(said).__name__}")
    return said


def _plain(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def _expanded(pattern: str) -> list[str]:
    """`web[01:03]` → web01 web02 web03; `db-[a:c]` → db-a db-b db-c; several ranges multiply. InventoryError."""
    found = list(itertools.islice(_ranges(pattern), RANGE_MAX + 1))
    if len(found) > RANGE_MAX:
        raise InventoryError(f"{pattern!r} names more than {RANGE_MAX} hosts")
    return found


def _ranges(pattern: str) -> Iterator[str]:
    found = _RANGE.search(pattern)
    if found is None:
        if "[" in pattern:
            raise InventoryError(f"{pattern!r}: a range is [1:20], [01:20], [1:20:2] or [a:f]")
        yield pattern
        return
    before, after = pattern[: found.start()], pattern[found.end() :]
    for middle in _range(*found.groups()):
        for rest in _ranges(after):
            yield f"{before}{middle}{rest}"


def _range(first: str | None, last: str | None, step: str | None, letter: str | None, end: str | None) -> Iterator[str]:
    if letter is not None and end is not None:
        return (chr(code) for code in range(ord(letter), ord(end) + 1))
    numbers = range(int(first or 0), int(last or 0) + 1, max(1, int(step or 1)))
    width = len(first or "") if (first or "").startswith("0") else 0
    return (str(number).zfill(width) for number in numbers)


def _resolved(groups: dict[str, _Group]) -> Inventory:
    """Each host once, in its first place, with what its groups and then itself say of it."""
    _refuse_circles(groups)
    above = {name: _above(groups, name) for name in groups}
    member: dict[str, dict[str, None]] = {}
    for name, group in groups.items():
        for host in group.hosts:
            member.setdefault(host, {})[name] = None
    notes: dict[str, None] = {}
    hosts = []
    for host, own in member.items():
        around = {ALL: None} | {name: None for group in own for name in (*above[group], group)}
        variables: Variables = {}
        for name in around:
            variables.update(groups[name].variables if name in groups else {})
        for name in own:
            variables.update(groups[name].hosts[host])
        notes.update(dict.fromkeys(_noted(variables)))
        hosts.append(_host(host, variables, [name for name in around if name not in (ALL, UNGROUPED)]))
    return Inventory(hosts=tuple(hosts), notes=tuple(notes))


def _above(groups: Mapping[str, _Group], name: str) -> list[str]:
    """A group's parents, the outermost first."""
    parents = [parent for parent, group in groups.items() if name in group.children]
    return [one for parent in parents for one in (*_above(groups, parent), parent)]


def _refuse_circles(groups: dict[str, _Group]) -> None:
    for name, group in groups.items():
        for child in group.children:
            if child not in groups:
                raise InventoryError(f"group {name!r} has the child {child!r}, which is no group")
    left = dict(groups)
    while left:
        ripe = [name for name, group in left.items() if not any(child in left for child in group.children)]
        if not ripe:
            raise InventoryError(f"groups are children of each other in a circle: {', '.join(sorted(left))}")
        for name in ripe:
            del left[name]


def _noted(variables: Mapping[str, Any]) -> Iterator[str]:
    if any(name in variables for name in _SECRET):
        yield "passwords in the inventory are not used: a push logs in by keys, and becomes root by `sudo -n`"
    if str(variables.get("ansible_connection", "ssh")) not in ("ssh", "smart", "paramiko"):
        yield "ansible_connection is not obeyed: every host is reached by SSH"


def _host(name: str, variables: Mapping[str, Any], groups: list[str]) -> Host:
    said: dict[str, Any] = {"name": name, "groups": tuple(groups), "labels": _labels(variables)}
    for variable, value in variables.items():
        if variable in _TAKEN and value is not None:
            said[_TAKEN[variable]] = value
    for flag in ("sudo", "canary"):
        if isinstance(said.get(flag), str):
            said[flag] = said[flag].lower() in ("yes", "true", "on", "1")
    try:
        return msgspec.convert(said, Host, strict=False)
    except msgspec.ValidationError as why:
        raise InventoryError(f"host {name}: {why}") from None


def _labels(variables: Mapping[str, Any]) -> dict[str, Any]:
    """`pyvorin_label_site=north` → site: north."""
    prefix = "pyvorin_label_"
    return {key.removeprefix(prefix): str(value) for key, value in variables.items() if key.startswith(prefix)}

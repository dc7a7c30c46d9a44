"""Which hooks this device has (`hooks.toml`), and which of them a change concerns.

The file is the device's, not a release's: only root or the agent's own user may have written it, or what it runs.
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from pyvorin_edge.vocabulary import HookMoment

FILE_BYTES_MAX: Final = 64 * 1024
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


class HooksError(Exception):
    """`hooks.toml`, or a program that it names, cannot be used; the message says why."""


class Hook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One program, and when it runs."""

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$(?!\n)")]
    on: HookMoment
    #: program (an absolute path) and arguments; no shell
    run: Annotated[tuple[str, ...], Meta(min_length=1, max_length=64)]
    #: JSON Pointers into the config: only if one of them, or what stands below, changes
    pointers: tuple[str, ...] = ()
    #: patterns of a bundle's file names: only if one of them changes
    files: tuple[str, ...] = ()
    timeout_seconds: Annotated[float, Meta(gt=0, le=3600)] = 30.0


class Change(msgspec.Struct, frozen=True):
    """What is about to change, or did."""

    #: key paths of the config; "" = all of it
    paths: tuple[str, ...]
    #: names of the bundle's files
    files: tuple[str, ...] = ()


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    hook: tuple[Hook, ...] = ()


def read_hooks(path: Path) -> tuple[Hook, ...]:
    """Every hook, in the file's order; no file = none. HooksError."""
    try:
        with path.open("rb") as file:
            _refuse_owner(path, os.fstat(file.fileno()))
            data = file.read(FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        return ()
    except OSError as why:
        raise HooksError(f"{path}: cannot be read: {why.strerror}") from None
    if len(data) > FILE_BYTES_MAX:
        raise HooksError(f"{path}: larger than {FILE_BYTES_MAX} bytes")
    try:
        hooks = msgspec.convert(tomllib.loads(data.decode("utf-8")), _File).hook
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as why:
        raise HooksError(f"{path}: {why}") from None
    names = [hook.name for hook in hooks]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise HooksError(f"{path}: two hooks are named {twice}")
    for hook in hooks:
        if not hook.run[0].startswith("/"):
            raise HooksError(f"{path}: hook {hook.name}: run[0] must be an absolute path: {hook.run[0]!r}")
        if any(not pointer.startswith("/") for pointer in hook.pointers):
            raise HooksError(f"{path}: hook {hook.name}: a pointer begins with /")
    return hooks


def concerned(hooks: Iterable[Hook], moment: HookMoment, change: Change) -> tuple[Hook, ...]:
    """Those that run; one that names neither pointers nor files runs for every change."""
    return tuple(hook for hook in hooks if hook.on is moment and _is_concerned(hook, change))


def check_program(hook: Hook) -> None:
    """HooksError unless it is a file that only root or the agent's own user could have written."""
    program = Path(hook.run[0])
    try:
        found = program.stat()
    except OSError as why:
        raise HooksError(f"hook {hook.name}: {program}: {why.strerror}") from None
    _refuse_owner(program, found)


def _is_concerned(hook: Hook, change: Change) -> bool:
    if not hook.pointers and not hook.files:
        return True
    if any(_touches(pointer, path) for pointer in hook.pointers for path in change.paths):
        return True
    return any(fnmatchcase(name, pattern) for pattern in hook.files for name in change.files)


def _touches(pointer: str, path: str) -> bool:
    """Whether what changed is at the pointer, below it, or around it."""
    return path in ("", pointer) or path.startswith(f"{pointer}/") or pointer.startswith(f"{path}/")


def _refuse_owner(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise HooksError(f"{path}: is no file")
    if found.st_uid not in (0, os.geteuid()):
        raise HooksError(f"{path}: belongs to user {found.st_uid}, who is neither root nor the agent: not obeyed")
    if found.st_mode & _OTHERS_WRITE:
        raise HooksError(f"{path}: others may write it: not obeyed (chmod go-w {path})")

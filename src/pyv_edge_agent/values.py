"""What the references in a config stand for on this device: variables, the `env` file, secret files, credentials."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from pyv_edge_agent.state_dir import EnvFileError, StateDir, environment_of
from pyvorin_edge.config.redaction import is_secret_name
from pyvorin_edge.config.variables import Reference, Source, Unavailable

#: No key of a config takes more; a device file or a log that is named by mistake is not read to its end.
SECRET_BYTES_MAX: Final = 4096
#: systemd names the directory of what LoadCredential= gave to a service; a container may name its own.
CREDENTIALS_DIRECTORY: Final = "CREDENTIALS_DIRECTORY"
_OTHERS: Final = stat.S_IROTH | stat.S_IWOTH
_READ_ONLY: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK


def values_of(
    references: Iterable[Reference], state: StateDir, process: Mapping[str, str]
) -> dict[str, str | Unavailable]:
    """By `Reference.key`: the value of each, or why it cannot be had. A variable that is not set is left out.

    Everything is read anew, so that a reload finds a secret that was replaced.
    """
    found: dict[str, str | Unavailable] = {}
    environment: Mapping[str, str] | Unavailable | None = None
    for reference in references:
        match reference.source:
            case Source.ENVIRONMENT:
                environment = environment if environment is not None else _environment(state, process)
                value = environment if isinstance(environment, Unavailable) else environment.get(reference.name)
            case Source.FILE:
                value = _file(Path(reference.name), state)
            case Source.CREDENTIAL:
                value = _credential(reference.name, process)
        if value is not None:
            found[reference.key] = value
    return found


def secrets_among(references: Iterable[Reference], values: Mapping[str, str | Unavailable]) -> list[str]:
    """The values that must not be said aloud: of files and credentials, and of variables where the key is secret."""
    return [
        value
        for reference in references
        if isinstance(value := values.get(reference.key), str)
        and (reference.source is not Source.ENVIRONMENT or is_secret_name(reference.pointer))
    ]


def _environment(state: StateDir, process: Mapping[str, str]) -> Mapping[str, str] | Unavailable:
    try:
        return environment_of(state.env, process)
    except EnvFileError as why:
        return Unavailable(str(why))


def _file(path: Path, state: StateDir) -> str | Unavailable:
    """A secret in a file of its own. One that others may read is no secret, and the agent's own are not for sending."""
    resolved = Path(os.path.realpath(path))
    home = Path(os.path.realpath(state.root))
    if resolved.is_relative_to(home) and not resolved.is_relative_to(home / state.secrets.name):
        return Unavailable(f"is the agent's own; in its state directory only {state.secrets}/ may be referred to")
    return _read(path, private=True)


def _credential(name: str, process: Mapping[str, str]) -> str | Unavailable:
    """A credential of the service. systemd guards its directory, so the file's own mode says nothing."""
    directory = process.get(CREDENTIALS_DIRECTORY)
    if not directory:
        why = f"there are no credentials here: {CREDENTIALS_DIRECTORY} is not set (LoadCredential= in the unit sets it)"
        return Unavailable(why, absent=True)
    return _read(Path(directory) / name, private=False)


def _read(path: Path, *, private: bool) -> str | Unavailable:
    try:
        with open(path, "rb", opener=lambda name, _: os.open(name, _READ_ONLY)) as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode):
                return Unavailable("is no regular file")
            if private and about.st_mode & _OTHERS:
                return Unavailable(f"is open to everyone on this machine: chmod o= {path}")
            return _text(file.read(SECRET_BYTES_MAX + 1))
    except FileNotFoundError:
        return Unavailable("is not there", absent=True)
    except OSError as why:
        return Unavailable(f"cannot be read: {why.strerror}")


def _text(data: bytes) -> str | Unavailable:
    if len(data) > SECRET_BYTES_MAX:
        return Unavailable(f"is longer than {SECRET_BYTES_MAX} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return Unavailable("is not UTF-8")
    if "\0" in text:
        return Unavailable("holds a NUL")
    # editors and `echo` end a file with a newline that no one means; a second one was meant
    return text[:-2] if text.endswith("\r\n") else text.removesuffix("\n")

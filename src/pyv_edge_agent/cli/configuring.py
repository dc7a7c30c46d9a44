"""`pyv-edge-agent config`: check, show and hash a config, and print its JSON Schema. None of them needs an agent."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from pyv_edge_agent.cli.options import with_json, with_state_dir
from pyv_edge_agent.config import Config
from pyv_edge_agent.state_dir import StateDir
from pyv_edge_agent.values import values_of
from pyvorin_edge.config.formats import CONFIG_BYTES_MAX, sniff, write
from pyvorin_edge.config.problem import ConfigError, Problem
from pyvorin_edge.config.redaction import redact
from pyvorin_edge.vocabulary import ConfigFormat

F = TypeVar("F", bound=Callable[..., Any])


@click.group("config")
def config() -> None:
    """Check, show and hash a config. Only files are read: no agent need run."""


def _with_file(command: F) -> F:
    state = with_state_dir("The device's state: its config.toml is the default FILE, its env file gives variables.")
    file = click.argument("file", required=False, type=click.Path(path_type=Path))
    return file(state(with_json(command)))


@config.command()
@_with_file
@click.option("--effective", is_flag=True, help="Also with this device's variables, files and credentials in place.")
def check(file: Path | None, state_dir: Path, as_json: bool, effective: bool) -> None:
    """Every problem of FILE with its line and path; exit 1 if there is one.

    Of a `${…}` only the form is checked, as the controller does, unless --effective.
    """
    path = file or StateDir(state_dir).config
    found = _problems(path, StateDir(state_dir) if effective else None)
    if as_json:
        _say({"file": str(path), "valid": not found, "problems": [_told(problem) for problem in found]})
    elif found:
        click.echo("\n".join(f"{path}: {problem}" for problem in found))
    else:
        click.echo(f"{path}: valid")
    if found:
        sys.exit(1)


@config.command()
@_with_file
@click.option("--effective", is_flag=True, help="With defaults, and with `${…}` put in, all of which is hidden.")
def show(file: Path | None, state_dir: Path, as_json: bool, effective: bool) -> None:
    """FILE without its secrets, as it is written or as the agent runs on it."""
    state = StateDir(state_dir)
    data = _read(file or state.config)
    found = Config.from_bytes(data)
    shown = found.shown(values_of(found.references(), state, os.environ)) if effective else redact(found.to_dict())
    format = ConfigFormat.JSON if as_json else sniff(data)
    click.echo(write(shown, format).decode("utf-8"), nl=False)


@config.command("hash")
@_with_file
def show_hash(file: Path | None, state_dir: Path, as_json: bool) -> None:
    """FILE's config hash: of what it declares, so that comments and order do not count (PROTOCOL 7)."""
    path = file or StateDir(state_dir).config
    found = Config.from_bytes(_read(path)).declared_hash()
    if as_json:
        _say({"file": str(path), "config_hash": found})
    else:
        click.echo(found)


@config.command()
@click.option("--json", "as_json", is_flag=True, help="It is JSON in any case.")
def schema(as_json: bool) -> None:
    """The JSON Schema (2020-12) of a config, for editors and other checkers."""
    from pyvorin_edge.config.document import json_schema

    click.echo(json.dumps(json_schema(), indent=2))


def _problems(path: Path, here: StateDir | None) -> tuple[Problem, ...]:
    data = _read(path)
    try:
        found = Config.from_bytes(data)
        if here is None:
            found.validate_as_written()
        else:
            found.validate(values_of(found.references(), here, os.environ))
    except ConfigError as why:
        return why.problems
    return ()


def _told(problem: Problem) -> dict[str, Any]:
    said = {"path": problem.pointer, "message": problem.message, "line": problem.line, "column": problem.column}
    return {key: value for key, value in said.items() if value is not None}


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(CONFIG_BYTES_MAX + 1)
    except OSError as why:
        raise click.ClickException(f"{path}: cannot be read: {why.strerror}") from None


def _say(document: dict[str, Any]) -> None:
    click.echo(msgspec.json.encode(document).decode())

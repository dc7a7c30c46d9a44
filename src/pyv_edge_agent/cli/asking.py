"""Questions to the running agent, over the socket in its state directory."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from pyv_edge_agent.cli.failing import AMISS
from pyv_edge_agent.control import ask
from pyv_edge_agent.main import agent_version
from pyv_edge_agent.state_dir import DEFAULT, StateDir
from pyvorin_edge.vocabulary import DriftKind, HealthStatus, Standing

F = TypeVar("F", bound=Callable[..., Any])


def _with_place(command: F) -> F:
    state = click.option(
        "--state-dir",
        envvar="PYV_EDGE_STATE_DIR",
        default=DEFAULT,
        show_default=True,
        type=click.Path(file_okay=False, path_type=Path),
        help="The running agent's state directory.",
    )
    return state(_with_json(command))


def _with_json(command: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")(command)


@click.command()
@_with_place
def status(state_dir: Path, as_json: bool) -> None:
    """Who this device is, what it runs, and how its last update ended."""
    _show(_asked(state_dir, "status"), as_json)


@click.command()
@_with_place
def health(state_dir: Path, as_json: bool) -> None:
    """The /health document; exit 3 unless the agent is healthy."""
    document = _asked(state_dir, "health")
    _show(document, as_json)
    if document["status"] != HealthStatus.HEALTHY:
        sys.exit(AMISS)


@click.command()
@_with_place
def drift(state_dir: Path, as_json: bool) -> None:
    """Whether the live config is what was applied; exit 3 if it drifted."""
    found = _asked(state_dir, "drift")
    if as_json:
        click.echo(json.dumps(found))
    else:
        click.echo(f"{found['standing']}: {Standing(found['standing']).sentence}")
        for kind in found.get("kinds", ()):
            click.echo(f"  {kind}: {DriftKind(kind).sentence}")
        for path in found.get("paths", ()):
            click.echo(f"  {path or 'the document'}")
    if found["standing"] in (Standing.DRIFTED, Standing.BOTH):
        sys.exit(AMISS)


@click.command()
@click.argument("version")
@_with_place
def rollback(version: str, state_dir: Path, as_json: bool) -> None:
    """Go back to release VERSION by hand, until other orders come (rule 15)."""
    found = _asked(state_dir, "rollback", {"version": version})
    if as_json:
        click.echo(json.dumps(found))
    else:
        click.echo(f"going back to {version}: now {found['phase']}")


@click.command("version")
@_with_json
def show_version(as_json: bool) -> None:
    """The agent's version."""
    click.echo(json.dumps({"version": agent_version()}) if as_json else agent_version())


def _asked(state_dir: Path, verb: str, args: Mapping[str, Any] | None = None) -> dict[str, Any]:
    found: dict[str, Any] = ask(StateDir(state_dir).socket, verb, args)
    return found


def _show(document: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(document))
        return
    for key, value in _lines(document):
        click.echo(f"{key.ljust(32)}  {value}")


def _lines(document: Mapping[str, Any], before: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in document.items():
        if isinstance(value, dict):
            found.extend(_lines(value, f"{before}{key}."))
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list) else value
            found.append((f"{before}{key}", "-" if text in (None, "") else text))
    return found

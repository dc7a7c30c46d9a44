"""`status`, `health`, `drift`, `version`: how the device stands."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from pyv_edge_agent.cli.options import asked, asked_status, seen, show_json, talk, with_config, with_json, with_place
from pyv_edge_agent.cli.sentences import status_lines
from pyv_edge_agent.control import NotRunning, TimedOut
from pyv_edge_agent.core.status import status_of
from pyv_edge_agent.core.telling import SPEAKS
from pyv_edge_agent.exits import Exit
from pyv_edge_agent.installed import agent_version
from pyv_edge_agent.main import CAPS
from pyv_edge_agent.state_dir import StateDir
from pyvorin_edge.config.redaction import REDACTED, is_secret_name
from pyvorin_edge.vocabulary import DriftKind, HealthStatus, Standing

#: set by whatever started the agent out of a bundle; without them it is the installed code that runs
SLOT: Final = "PYV_EDGE_SLOT"
BUNDLE: Final = "PYV_EDGE_BUNDLE"
#: of the history, beside a dead agent's status
LAST_LINES: Final = 5
_REDACTED: Final = json.dumps(REDACTED)
#: a file or credential is a secret, whatever its key is called
_OF_A_FILE: Final = ("${file:", "${credential:")


@click.command()
@with_config
@with_place
def status(state_dir: Path, config: Path | None, as_json: bool) -> None:
    """Who this device is, what it runs, what it waits for, and how its last update ended.

    Exit 1 if no agent runs, 8 if it hangs: then what the state directory says is shown, and what keeps an agent from
    starting.
    """
    found, trouble, code = _status(state_dir, config)
    if as_json:
        show_json(found)
    else:
        for line in status_lines(found):
            click.echo(line)
    if trouble is not None:
        talk(trouble)
        sys.exit(code)


@click.command()
@with_place
def health(state_dir: Path, as_json: bool) -> None:
    """The /health document; exit 3 unless the agent is healthy, 1 if none runs."""
    document = asked(state_dir, "health")
    if as_json:
        show_json(document)
    else:
        for key, value in flat(document):
            click.echo(f"{key.ljust(32)}  {value}")
    if document["status"] != HealthStatus.HEALTHY:
        sys.exit(Exit.AMISS)


@click.command()
@with_config
@with_place
def drift(state_dir: Path, config: Path | None, as_json: bool) -> None:
    """Whether the live config is what was applied; exit 3 if it drifted.

    Needs neither the controller nor a running agent; without an agent, variables and secrets outside the file are not
    compared. Values are shown, secrets are not.
    """
    try:
        found = asked(state_dir, "drift")
    except NotRunning:
        sight = seen(state_dir, config)
        found = msgspec.to_builtins(sight.device.drift)
        found["changes"] = msgspec.to_builtins(sight.changes)
        talk("no agent runs: compared the files alone")
    if as_json:
        show_json(found)
    else:
        for line in _drift_lines(found):
            click.echo(line)
    if found["standing"] in (Standing.DRIFTED, Standing.BOTH):
        sys.exit(Exit.AMISS)


@click.command("version")
@with_json
def show_version(as_json: bool) -> None:
    """The agent's version; with --json also Python, protocol, abilities, and where its code is from."""
    found = version_facts(os.environ)
    if as_json:
        show_json(found)
    else:
        click.echo(found["version"])


def version_facts(environ: Mapping[str, str]) -> dict[str, Any]:
    """What this program is."""
    return {
        "version": agent_version(),
        "python": platform.python_version(),
        "speaks": list(SPEAKS),
        "caps": list(CAPS),
        "code": "bundle" if environ.get(SLOT) else "installed",
        "bundle": environ.get(BUNDLE) or None,
        "slot": environ.get(SLOT) or None,
    }


def flat(document: Mapping[str, Any], before: str = "") -> list[tuple[str, Any]]:
    """Key paths and values, for people."""
    found: list[tuple[str, Any]] = []
    for key, value in document.items():
        if isinstance(value, dict):
            found.extend(flat(value, f"{before}{key}."))
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list) else value
            found.append((f"{before}{key}", "-" if text in (None, "") else text))
    return found


def _status(state_dir: Path, config: Path | None) -> tuple[dict[str, Any], str | None, Exit]:
    try:
        return asked_status(state_dir), None, Exit.DONE
    except NotRunning as why:
        trouble, code = str(why), Exit.FAILED
    except TimedOut as why:
        trouble, code = str(why), Exit.TIMED_OUT
    return at_rest_status(state_dir, config), trouble, code


def at_rest_status(state_dir: Path, config: Path | None) -> dict[str, Any]:
    """The status of a device whose agent does not answer, with what is wrong and the last lines of its history."""
    from pyv_edge_agent.at_rest import history_of

    sight = seen(state_dir, config)
    found: dict[str, Any] = msgspec.to_builtins(status_of(sight.device, sight.versions))
    found["running"] = False
    found["problems"] = list(sight.problems)
    found["history"] = msgspec.to_builtins(history_of(StateDir(state_dir)).lines[-LAST_LINES:])
    return found


def _drift_lines(found: Mapping[str, Any]) -> list[str]:
    lines = [f"{found['standing']}: {Standing(found['standing']).sentence}"]
    lines.extend(f"  {kind}: {DriftKind(kind).sentence}" for kind in found.get("kinds", ()))
    values = {one["path"]: one for one in found.get("changes", ())}
    for path in found.get("paths", ()):
        one = values.get(path)
        said = "" if one is None else f": {_change(path, one['applied'], one['live'])}"
        lines.append(f"  {path or 'the document'}{said}")
    if found.get("more"):
        lines.append(f"  and {found['more']} more")
    return lines


def _change(path: str, applied: str | None, live: str | None) -> str:
    """Where both read the same, what differs is hidden, or stands outside the file."""
    if applied != live:
        return f"applied {_value(applied)}, live {_value(live)}"
    secret = applied == _REDACTED or is_secret_name(path) or any(mark in str(applied) for mark in _OF_A_FILE)
    return "secret changed" if secret else f"what {_value(live)} stands for changed"


def _value(text: str | None) -> str:
    return "nothing" if text is None else text

"""`diag`: one file for whoever helps, without a secret in it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from pyv_edge_agent.cli.failing import Told
from pyv_edge_agent.cli.looking import at_rest_status, version_facts
from pyv_edge_agent.cli.options import now_ms, seen, show_json, talk, with_config, with_place
from pyv_edge_agent.control import ControlError, ask
from pyv_edge_agent.exits import Exit
from pyv_edge_agent.state_dir import StateDir

if TYPE_CHECKING:
    from pyv_edge_agent.support.archive import Made

#: for each question to an agent that may hang
ASK_SECONDS: Final = 5.0


@click.command()
@click.option("--out", metavar="FILE", help="Where to write it; - is standard output. By default a new file here.")
@with_config
@with_place
def diag(out: str | None, state_dir: Path, config: Path | None, as_json: bool) -> None:
    """Write a support archive (.tar.gz, 0600): all there is to know of this device, and no secret of it.

    In it: version, status, health, drift, the config as declared and in effect (secrets hidden), history, log, memory,
    how much waits in the queue (not what), files and room, packages, clock, network, the certificate's dates. Never in
    it: keys, tokens, credentials, environment values, queue payloads. What cannot be read is named in summary.json,
    the rest is there all the same.
    """
    at = now_ms()
    name = f"pyvorin-edge-{_device_name(state_dir)}-{datetime.fromtimestamp(at / 1000, UTC):%Y%m%dT%H%M%SZ}"
    made = archive_of(state_dir, config, os.environ, name, at)
    if out == "-":
        sys.stdout.buffer.write(made.data)
        return
    path = Path(out) if out is not None else Path(f"{name}.tar.gz")
    _write(path, made.data)
    missing = {part: why for part, why in made.parts.items() if why is not None}
    if as_json:
        show_json({"file": str(path), "bytes": len(made.data), "parts": made.parts})
    else:
        click.echo(str(path))
        for part, why in missing.items():
            talk(f"without {part}: {why}")


def archive_of(state_dir: Path, config: Path | None, environ: Mapping[str, str], name: str, at_ms: int) -> Made:
    """The archive's bytes, and how each part went."""
    from pyv_edge_agent.support.archive import make
    from pyv_edge_agent.support.hiding import Hider
    from pyv_edge_agent.support.known import known_secrets
    from pyv_edge_agent.support.parts import Sources, makers

    place = StateDir(state_dir)
    live = config or _config_in_use(state_dir)
    sources = Sources(
        place=place,
        config=live,
        environ=environ,
        version=version_facts(environ),
        ask=cache(lambda verb: ask(place.socket, verb, within_seconds=ASK_SECONDS)),
        seen=cache(lambda: seen(state_dir, live)),
        status=lambda: _status(state_dir, live),
    )
    return make(name, makers(sources), Hider(known_secrets(place, live, environ)), at_ms // 1000)


def _status(state_dir: Path, config: Path) -> Mapping[str, Any]:
    try:
        found: Mapping[str, Any] = ask(StateDir(state_dir).socket, "status", within_seconds=ASK_SECONDS)
    except ControlError as why:
        return {**at_rest_status(state_dir, config), "agent": str(why)}
    return found


def _config_in_use(state_dir: Path) -> Path:
    """Where the running agent has its config, else where it lies by itself."""
    try:
        said: Mapping[str, Any] = ask(StateDir(state_dir).socket, "status", within_seconds=ASK_SECONDS)
        return Path(said["config"])
    except (ControlError, KeyError, TypeError):
        return StateDir(state_dir).config


def _device_name(state_dir: Path) -> str:
    from pyv_edge_agent.provision import known_device_id

    try:
        return known_device_id(state_dir) or "unknown"
    except Exception:  # noqa: BLE001 - a broken device is what this is for
        return "unknown"


def _write(path: Path, data: bytes) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise Told(f"{path} is there already: name another file with --out", Exit.CONFLICT) from None
    except OSError as why:
        raise Told(f"{path}: cannot be written: {why.strerror}; name another place with --out") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
    except OSError as why:
        path.unlink(missing_ok=True)
        raise Told(f"{path}: cannot be written: {why.strerror}; --out - sends it to standard output") from None

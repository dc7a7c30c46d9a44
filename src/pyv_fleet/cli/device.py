"""`pyv-fleet device`: provision, list, show, ask; what one is told for itself is in assignment.py."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from pyv_fleet.cli import assignment, history
from pyv_fleet.cli.filters import label_option, labels_of
from pyv_fleet.cli.output import Column, columns_of, printable, show_list, show_one
from pyv_fleet.cli.session import CliError, Session, with_session
from pyvorin_edge.vocabulary import Connectivity, ResponseOutcome, Standing

PROVISION_SECONDS = 60


@click.group()
def group() -> None:
    """Devices: provision, list, show, ask, and what one is told for itself."""


@group.command("list")
@click.option("--channel")
@label_option
@click.option("--connectivity", type=click.Choice([word.value for word in Connectivity]))
@click.option("--standing", type=click.Choice([word.value for word in Standing]))
@click.option("--limit", type=click.IntRange(1), default=1000, show_default=True, help="How many at most.")
@with_session
def list_(session: Session, labels: tuple[str, ...], limit: int, **query: Any) -> None:
    """Devices, filtered by the controller."""
    wanted = [f"{key}={value}" for key, value in labels_of(labels).items()]
    found = list(itertools.islice(session.client.devices(label=wanted, limit=min(limit, 1000), **query), limit))
    show_list(session, found, _COLUMNS, paged=True)


@group.command()
@click.argument("device_id")
@with_session
def show(session: Session, device_id: str) -> None:
    """One device: connectivity, health, update and drift."""
    show_one(session, session.client.device(device_id), _FIELDS)


@group.command()
@click.argument("device_id")
@click.argument("what", type=click.Choice(["report", "snapshot", "logs"]))
@click.option("--lines", type=click.IntRange(1, 500), help="How many of the last log lines; logs only.")
@with_session
def ask(session: Session, device_id: str, what: str, lines: int | None) -> None:
    """Ask one device now: a fresh report, its live config (secrets hidden), or its last log lines."""
    if lines is not None and what != "logs":
        raise click.UsageError("--lines is for logs")
    said = session.client.request(device_id, what, {} if lines is None else {"lines": lines})
    if said["outcome"] != ResponseOutcome.DONE:
        why = said["body"].get("detail") or said["code"] or "it gave no reason"
        raise CliError(f"{device_id}: {said['outcome']}: {printable(str(why))}")
    _show_answer(session, said)


@group.command()
@click.option("--serial", help="The hardware's serial number, from which the id is made.")
@click.option("--device-id", help="A forced id instead.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The device's state directory to make.")
@click.option(
    "--config", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="The config it begins with."
)
@click.option("--set", "settings", multiple=True, metavar="KEY.PATH=VALUE", help="Set a value of that config; repeat.")
@click.option("--channel", default="stable", show_default=True)
@label_option
@with_session
def provision(
    session: Session,
    serial: str | None,
    device_id: str | None,
    out: Path,
    config: Path | None,
    settings: tuple[str, ...],
    channel: str,
    labels: tuple[str, ...],
) -> None:
    """Make a device: its key, certificate, trust anchor and config, in one directory to carry to it."""
    if (serial is None) == (device_id is None):
        raise click.UsageError("exactly one of --serial and --device-id")
    known = device_id or _id_of(serial or "")
    from pyv_fleet.core.views import TokenSpec

    if out.exists() and any(out.iterdir()):
        raise CliError(f"{out}: is not empty; provision into a new directory")
    spec = TokenSpec(uses=1, channel=channel, labels=labels_of(labels), device_id=known, valid_seconds=600)
    token = session.client.create_token(spec).token
    who = ["--serial", serial] if serial is not None else ["--device-id", known]
    words = [*who, "--out", str(out), *(["--config", str(config)] if config is not None else [])]
    words += [word for setting in settings for word in ("--set", setting)]
    _run_provisioning(session.context.api, token, words)
    made = {"device_id": known, "state_dir": str(out), "channel": channel, "labels": labels_of(labels)}
    show_one(session, made, columns_of(made))
    session.say(f"start it with: pyv-edge-agent run --state-dir {out}")


def _show_answer(session: Session, said: dict[str, Any]) -> None:
    """For people what they asked for, and nothing around it."""
    body = said["body"]
    if session.format != "table":
        show_one(session, said, columns_of(said))
    elif "lines" in body:
        for line in body["lines"]:
            click.echo(printable(str(line)))
    elif body:
        click.echo(json.dumps(body.get("config", body), indent=2))
    else:
        session.say("it sent a report; see it with: pyv-fleet device show")


def _id_of(serial: str) -> str:
    from pyvorin_edge.identity import device_id_of

    return device_id_of(serial)


def _run_provisioning(api: str, token: str, words: Sequence[str]) -> None:
    """The device's own program acts as the device; the token goes to its standard input, never into its arguments."""
    command = [*_agent(), "provision", "--api", api, "--token-file", "-", *words]
    done = subprocess.run(
        command, input=token + "\n", capture_output=True, text=True, timeout=PROVISION_SECONDS, check=False
    )
    if done.returncode != 0:
        raise CliError(f"provisioning failed: {(done.stderr or done.stdout).strip().removeprefix('Error: ')}")


def _agent() -> list[str]:
    beside = Path(sys.executable).parent / "pyv-edge-agent"
    found = str(beside) if beside.exists() else shutil.which("pyv-edge-agent")
    return [found] if found else [sys.executable, "-m", "pyv_edge_agent"]


for _command in assignment.COMMANDS:
    group.add_command(_command)
group.add_command(history.device_history)

_COLUMNS = (
    Column("device", lambda d: d.device_id),
    Column("channel", lambda d: d.channel),
    Column("connectivity", lambda d: d.connectivity),
    Column("health", lambda d: d.health_status),
    Column("version", lambda d: d.version),
    Column("phase", lambda d: d.phase),
    Column("standing", lambda d: d.drift.standing),
    Column("labels", lambda d: d.labels),
    Column("last seen", lambda d: d.last_seen),
)
_FIELDS = (
    *_COLUMNS,
    Column("waiting for", lambda d: d.waiting_for),
    Column("generation", lambda d: d.generation),
    Column(
        "last result",
        lambda d: d.result and f"{d.result.version or d.result.release}: {d.result.outcome} {d.result.detail}",
    ),
    Column("drifted keys", lambda d: d.drift.paths),
    Column("pin", lambda d: assignment.pin_text(d.pin)),
    Column("overlay sets", lambda d: d.overlay),
    Column("time zone", lambda d: d.tz),
    Column("quarantined", lambda d: d.quarantined),
    Column("agent", lambda d: d.agent_version),
    Column("boot", lambda d: d.boot),
    Column("incarnation", lambda d: d.incarnation),
    Column("enrolled", lambda d: d.enrolled_at),
    Column("attention", lambda d: "; ".join(d.attention) or None),
)

"""`pyv-edge-agent queue`: what waits for the cloud, and what it refused. Works on the file, agent or no agent."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from pyv_edge_agent.cli.options import with_place
from pyv_edge_agent.clock import Clock
from pyv_edge_agent.cloud_sync.queue import CloudSyncQueue, QueueError
from pyv_edge_agent.cloud_sync.settings import settings_of, uploader_of
from pyv_edge_agent.config import Config
from pyv_edge_agent.control import ControlError, NotRunning, ask
from pyv_edge_agent.enrolled import read_enrolled
from pyv_edge_agent.exits import Exit
from pyv_edge_agent.provision import known_device_id
from pyv_edge_agent.state_dir import StateDir
from pyv_edge_agent.values import values_of

#: of the process that asks, so of no use here: the running agent's stand in its /health
_OF_A_PROCESS: Final = frozenset({"breaker", "breaker_seconds", "items_lost", "problem"})


@click.group()
def queue() -> None:
    """What waits on this device for the cloud. Safe beside a running agent."""


@queue.command()
@with_place
def stats(state_dir: Path, as_json: bool) -> None:
    """How much waits, since when, and why the last upload failed."""
    with _opened(state_dir) as opened:
        found = opened.get_stats()
    _say({key: value for key, value in found.items() if key not in _OF_A_PROCESS}, as_json)


@queue.command()
@click.option("--limit", type=click.IntRange(1, 10_000), default=10, show_default=True, help="How many items.")
@with_place
def peek(limit: int, state_dir: Path, as_json: bool) -> None:
    """The items that go next, as they are stored: after privacy. They stay where they are."""
    with _opened(state_dir) as opened:
        items = [msgspec.to_builtins(item) for item in opened.peek(limit)]
    if as_json:
        click.echo(json.dumps(items))
        return
    for item in items:
        made = f"{_moment(item['created_at'])}  {_priority(item)}"
        click.echo(f"{item['id']}  {made}  {item['retry_count']} retries  {json.dumps(item['payload'])}")


@queue.command()
@with_place
def flush(state_dir: Path, as_json: bool) -> None:
    """Upload what waits now: by the running agent, else by this command itself with the live config.

    Exit 1 if something could not be sent.
    """
    place = StateDir(state_dir)
    try:
        found: dict[str, Any] = ask(place.socket, "flush")
    except NotRunning:
        found = _flush_here(place)
    _say(found, as_json)
    if found["problem"] is not None:
        sys.exit(Exit.FAILED)


@queue.group("dead-letters")
def dead_letters() -> None:
    """Items that the cloud refused for good."""


@dead_letters.command("list")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="How many, the newest first.")
@with_place
def list_dead(limit: int, state_dir: Path, as_json: bool) -> None:
    """Each with what the cloud answered."""
    with _opened(state_dir) as opened:
        letters = [msgspec.to_builtins(letter) for letter in opened.dead_letters.list(limit)]
    if as_json:
        click.echo(json.dumps(letters))
        return
    for letter in letters:
        died = f"{_moment(letter['died_at'])}  {_priority(letter)}"
        click.echo(f"{letter['id']}  {died}  {letter['reason']}  {json.dumps(letter['payload'])}")


@dead_letters.command()
@click.argument("ids", nargs=-1, type=int)
@click.option("--all", "all_of_them", is_flag=True, help="All of them.")
@with_place
def retry(ids: tuple[int, ...], all_of_them: bool, state_dir: Path, as_json: bool) -> None:
    """Put IDS back into the queue: they are sent again with the next upload."""
    with _opened(state_dir) as opened:
        _say({"retried": opened.dead_letters.retry(_chosen(ids, all_of_them))}, as_json)


@dead_letters.command()
@click.argument("ids", nargs=-1, type=int)
@click.option("--all", "all_of_them", is_flag=True, help="All of them.")
@with_place
def purge(ids: tuple[int, ...], all_of_them: bool, state_dir: Path, as_json: bool) -> None:
    """Forget IDS for good."""
    with _opened(state_dir) as opened:
        _say({"purged": opened.dead_letters.purge(_chosen(ids, all_of_them))}, as_json)


def _chosen(ids: tuple[int, ...], all_of_them: bool) -> tuple[int, ...] | None:
    if bool(ids) is all_of_them:
        raise click.UsageError("name the ids (`dead-letters list` shows them), or give --all")
    return ids or None


@contextmanager
def _opened(state_dir: Path) -> Iterator[CloudSyncQueue]:
    """The file as it is: none is made, and a broken one stays for the agent to set aside."""
    path = StateDir(state_dir).queue
    if not path.exists():
        raise QueueError(f"there is no queue at {path}: no agent has run on this state directory")
    opened = CloudSyncQueue(path, quarantine=False)
    try:
        yield opened
    finally:
        opened.close()


def _flush_here(place: StateDir) -> dict[str, Any]:
    config = Config.from_file(place.config)
    values = values_of(config.references(), place, os.environ)
    config.validate(values)
    cloud = config.effective(values)["cloud"]
    if not cloud["enabled"]:
        raise ControlError(f"cloud.enabled is false in {place.config}: there is nowhere to send it")
    enrolled = read_enrolled(place)
    device_id = known_device_id(place.root) or "device"
    try:
        uploader = uploader_of(
            cloud,
            device_id,
            fleet_origins=enrolled.origins if enrolled is not None else (),
            server_ca=place.server_ca,
            clock=Clock().wall_seconds,
        )
    except (ValueError, OSError) as why:
        raise ControlError(f"cloud: {why}") from None
    with _opened(place.root) as opened:
        opened.configure(settings_of(cloud))
        sent = opened.flush(uploader)
        while found := opened.maybe_flush(uploader):
            sent += found
        return {"sent": sent, "left": opened.pending_count(), "problem": uploader.last_error}


def _say(found: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(found))
        return
    for key, value in found.items():
        if isinstance(value, dict):
            text = ", ".join(f"{count} {name}" for name, count in value.items())
        elif key.endswith(("_time", "_timestamp")) and value is not None:
            text = _moment(value)
        else:
            text = "-" if value is None else str(value)
        click.echo(f"{key.ljust(24)}  {text}")


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _priority(item: Mapping[str, Any]) -> str:
    return {1: "critical", 2: "anomaly", 3: "telemetry", 4: "logs"}[item["priority"]]

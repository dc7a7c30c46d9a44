"""`pyv-edge-agent apply`: a parcel brought by hand, on a stick or over SSH (PROTOCOL 1, `parcel`)."""

from __future__ import annotations

import base64
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias

import click

from pyv_edge_agent.cli.options import with_json, with_state_dir
from pyv_edge_agent.control import NotRunning, ask
from pyv_edge_agent.exits import Exit
from pyv_edge_agent.main import DiskError
from pyv_edge_agent.parcel import WORDS
from pyv_edge_agent.provision import known_device_id
from pyv_edge_agent.state_dir import StateDir
from pyvorin_edge.identity import parse_device_id
from pyvorin_edge.vocabulary import ParcelOutcome, Phase

Standing: TypeAlias = dict[str, Any]

#: a parcel has at most 1 MiB; one byte more shows that it is too large
READ_BYTES_MAX: Final = 1024 * 1024 + 1
LOOK_SECONDS: Final = 0.5
_EXITS: Final = {
    ParcelOutcome.ACCEPTED: Exit.DONE,
    ParcelOutcome.LOWER: Exit.CONFLICT,
    ParcelOutcome.REJECTED: Exit.REFUSED,
    ParcelOutcome.OTHER_DEVICE: Exit.CONFLICT,
    ParcelOutcome.NOT_KEPT: Exit.FAILED,
}


@click.command()
@click.argument("parcel", type=click.File("rb"), metavar="FILE")
@with_state_dir("The device's state directory.")
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The live config, if it is not config.toml in the state directory; only before the agent's first start, and "
    "with --check.",
)
@click.option(
    "--wait",
    "wait_seconds",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Stay until the device settled on what the parcel orders, at most so long.",
)
@click.option(
    "--bundle",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The archive of the bundle that a release in the parcel names: then nothing is fetched.",
)
@click.option("--device", metavar="ID", help="Take nothing unless this is that device.")
@click.option("--check", is_flag=True, help="Say what it would do, and which values it would change; take nothing.")
@with_json
def apply(
    parcel: BinaryIO,
    state_dir: Path,
    config: Path | None,
    wait_seconds: float | None,
    bundle: Path | None,
    device: str | None,
    check: bool,
    as_json: bool,
) -> None:
    """Take the parcel in FILE, `-` for standard input: the same orders as over the network, judged the same way.

    A running agent takes it at once and begins. While none runs its orders are kept, and the next start obeys them.
    It needs no token: its signatures are its authority.

    Exit status: 0 accepted or in force already, 1 the disk did not take it, 4 refused, 6 lower than what is in force or
    another device's; with --wait also 7, the update failed, and 8, it did not end in time (it goes on); with --check 3,
    it would change something.
    """
    place = StateDir(state_dir)
    data = parcel.read(READ_BYTES_MAX)
    other = _another(place, device)
    if other is None and check:
        from pyv_edge_agent.cli.rehearsing import rehearsed

        sys.exit(rehearsed(place, config, data, as_json=as_json))
    said = other or _taken(place, config, data, bundle)
    code = _EXITS[said["outcome"]]
    if code is Exit.DONE and wait_seconds is not None and said["agent"] == "running":
        said |= _awaited(place, wait_seconds)
        code = _how_it_ended(said)
    _tell(said, as_json=as_json)
    sys.exit(code)


def _another(place: StateDir, wanted: str | None) -> Standing | None:
    """The answer of a device that is not the one that was meant; none if it is."""
    if wanted is None:
        return None
    name = known_device_id(place.root)
    if name == parse_device_id(wanted):
        return None
    said = f"this is {name or 'no device yet'}, not {wanted}: nothing was taken"
    return {"outcome": ParcelOutcome.OTHER_DEVICE, "said": said, "device_id": name}


def _taken(place: StateDir, config: Path | None, data: bytes, bundle: Path | None) -> Standing:
    try:
        if bundle is not None:
            _lay_in(place, data, bundle)
        try:
            found: Standing = ask(place.socket, "parcel", {"parcel": base64.b64encode(data).decode()})
            found["agent"] = "running"
        except NotRunning:
            found = {**_kept(place, config, data), "agent": "at rest"}
    except DiskError as why:
        return {"outcome": ParcelOutcome.NOT_KEPT, "said": str(why)}
    return {"outcome": WORDS[found.pop("status")], **found}


def _lay_in(place: StateDir, parcel: bytes, bundle: Path) -> None:
    from pyv_edge_agent.carried import lay_in_bundle

    try:
        lay_in_bundle(place, parcel, bundle)
    except ValueError as why:
        raise click.ClickException(str(why)) from None


def _how_it_ended(said: Standing) -> Exit:
    if _reached(said):
        return Exit.DONE
    return Exit.UPDATE_FAILED if _ended(said) else Exit.TIMED_OUT


def _kept(place: StateDir, config: Path | None, data: bytes) -> Standing:
    from pyv_edge_agent.carried import AtRest
    from pyv_edge_agent.clock import Clock
    from pyv_edge_agent.installed import agent_version
    from pyv_edge_agent.locking import take_lock
    from pyv_edge_agent.parcel import past, standing, take_parcel

    try:
        lock = take_lock(place.lock)
    except OSError as why:
        raise click.ClickException(f"{place.root} cannot be locked: {why.strerror}") from None
    try:
        device = AtRest(place, config or place.config, agent_version(), Clock())
        before = past(device.device)
        status, said = take_parcel(device, data)
        return {"status": status, "said": said, **before, **standing(device.device)}
    finally:
        os.close(lock)


def _awaited(place: StateDir, within_seconds: float) -> Standing:
    """How the device stands once it settled, or when the time is over; an agent that restarts is waited for."""
    deadline = time.monotonic() + within_seconds
    found: Standing = {}
    while not _ended(found) and time.monotonic() < deadline:
        time.sleep(min(LOOK_SECONDS, max(0.0, deadline - time.monotonic())))
        found = _looked(lambda: ask(place.socket, "standing"), found)
    return found


def _looked(look: Callable[[], Standing], before: Standing) -> Standing:
    try:
        return look()
    except NotRunning:
        return before


def _ended(found: Standing) -> bool:
    """Settled, and either on what is wanted or at the end of a try of it."""
    return found.get("phase") == Phase.SETTLED and (_reached(found) or _tried(found))


def _reached(found: Standing) -> bool:
    if found.get("phase") != Phase.SETTLED:
        return False
    return found["wanted"] is None or found["wanted"] == found["committed"]


def _tried(found: Standing) -> bool:
    """Whether the last result is of this very attempt; an older agent does not say which one is wanted."""
    result, attempt = found.get("result"), found.get("attempt")
    return result is not None and result["release"] == found["wanted"] and attempt in (None, result["attempt"])


def _tell(said: Standing, *, as_json: bool) -> None:
    outcome = said["outcome"]
    if as_json:
        click.echo(json.dumps(said))
        return
    click.echo(said["said"] if outcome is ParcelOutcome.ACCEPTED else f"{outcome}: {said['said']}")
    if outcome in (ParcelOutcome.ACCEPTED, ParcelOutcome.LOWER):
        _say(said)


def _say(said: Standing) -> None:
    if said["agent"] == "at rest":
        click.echo("no agent runs: the next start obeys it")
        return
    waiting = f", waits for {said['waiting_for']}" if said.get("waiting_for") else ""
    click.echo(f"now        {said['phase']}{waiting}, running {said['version'] or 'the provisioned config'}")
    result = said.get("result")
    if result is not None and result["release"] == said["wanted"] and said["wanted"] != said["committed"]:
        click.echo(f"last try   {result['outcome']}: {result['code']} {result['detail']}".rstrip())

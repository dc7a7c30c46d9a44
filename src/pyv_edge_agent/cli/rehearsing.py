"""`apply --check`: what a parcel would do, for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path

import click
import msgspec

from pyv_edge_agent.exits import Exit
from pyv_edge_agent.installed import agent_version
from pyv_edge_agent.state_dir import StateDir
from pyvorin_edge.carrying import Foreseen
from pyvorin_edge.vocabulary import ParcelOutcome, Would


def rehearsed(place: StateDir, config: Path | None, parcel: bytes, *, as_json: bool) -> Exit:
    """Say what would come of the parcel; the exit status: 3 if something would change, else as `apply` itself."""
    from pyv_edge_agent.clock import Clock
    from pyv_edge_agent.rehearsal import Rehearsal

    found = Rehearsal(place, config, agent_version(), Clock()).foresee(parcel)
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(found)))
    else:
        _show(found)
    return _exit_of(found)


def _exit_of(found: Foreseen) -> Exit:
    if found.would is Would.REFUSE:
        return Exit.CONFLICT if found.outcome is ParcelOutcome.LOWER else Exit.REFUSED
    return Exit.AMISS if found.would is Would.UPDATE or found.changes else Exit.DONE


def _show(found: Foreseen) -> None:
    click.echo(f"{found.would}: {found.said}")
    for change in found.changes or ():
        click.echo(f"  {change.path or 'the document'}: {_value(change.now)} -> {_value(change.then)}")
    if found.changes is None and found.version is not None:
        click.echo("  its config is not in the parcel, nor here: it would be fetched")
    if found.lacks_bundle is not None:
        click.echo(f"  its bundle {found.lacks_bundle[:12]}… is not here: bring it with --bundle, or it is fetched")


def _value(text: str | None) -> str:
    return "nothing" if text is None else text

"""`pyv-fleet trust`: the chain of trust documents, verified here from the operator's own root key."""

from __future__ import annotations

from pathlib import Path

import click

from pyv_fleet.cli.output import columns_of, show_one
from pyv_fleet.cli.session import Session, naming, with_session


@click.group()
def group() -> None:
    """Who may sign what."""


@group.command()
@with_session
def show(session: Session) -> None:
    """The newest trust document; the whole chain is verified from the root key that the fleet names."""
    from pyvorin_edge.trust import advance, from_key

    fleet = session.client.fleet()
    trust = from_key(bytes.fromhex(fleet.root_key))
    for version in range(1, fleet.trust_version + 1):
        trust = advance(trust, session.client.trust_document(version))
    held = {role.value: [keyid[:16] for keyid in keys.by_id] for role, keys in trust.roles.items()}
    said = {
        "fleet": trust.fleet,
        "root_key": fleet.root_key,
        "version": trust.version,
        "epoch": trust.epoch,
        "floor": trust.floor,
        "expires_at": trust.expires_at,
        "keys": held,
        "revoked_releases": sorted(trust.revoked_releases),
    }
    show_one(session, said, columns_of(said))


@group.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@with_session
def publish(session: Session, file: Path) -> None:
    """Put the next trust document, signed by root, in force for the whole fleet."""
    from pyvorin_edge.trust import version_of

    document = file.read_bytes()
    with naming(file):
        version = version_of(document)
    session.client.put_trust(version, document)
    session.say(f"trust document {version} is in force and published")


@group.command()
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="File; else standard output.")
@with_session
def anchor(session: Session, out: Path | None) -> None:
    """The fleet's root key as `trust_anchor.json`: what a device without network is provisioned with.

    Bring it to the device by a way that you trust: whatever it names, the device obeys.
    """
    import json

    from pyv_fleet.durable import write_durably

    data = json.dumps({"public_key": session.client.fleet().root_key}) + "\n"
    if out is None:
        click.echo(data, nl=False)
    else:
        write_durably(out, data.encode(), mode=0o644)

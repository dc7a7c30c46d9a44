"""`pyv-fleet release verify | diff`: who stands behind a release, and what it would change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pyv_fleet.cli import bundles
from pyv_fleet.cli.output import show_list, show_one
from pyv_fleet.cli.release_shown import DIFFERENCES, FIELDS, FOLDER
from pyv_fleet.cli.session import CliError, Exit, Session, naming, with_session

if TYPE_CHECKING:
    from pyv_fleet.cli.release_folder import Folder
    from pyv_fleet.core.release_diff import Side
    from pyvorin_edge.orders import Release
    from pyvorin_edge.trust import Trust


@click.command()
@click.argument("what", metavar="FOLDER|VERSION")
@with_session
def verify(session: Session, what: str) -> None:
    """Verify a built or published release here: chain of trust, signatures, digests, config, golden hash, bundle."""
    if Path(what).is_dir():
        _verify_folder(session, Path(what))
    else:
        _verify_published(session, what)


@click.command()
@click.argument("before", metavar="VERSION|FOLDER|FILE")
@click.argument("after", metavar="VERSION|FOLDER|FILE")
@click.option("--channel", help="Whose layer goes in, where a directory has layers of channels.")
@with_session
def diff(session: Session, before: str, after: str, channel: str | None) -> None:
    """What differs between two releases, secrets hidden; exits 3 if anything does.

    Each is a version or digest, a folder of `release build`, a directory to build one from, or a config file (then only
    configs are compared).
    """
    from pyv_fleet.core.release_diff import differences

    found = differences(_side(session, before, channel), _side(session, after, channel))
    show_list(session, found, DIFFERENCES)
    session.leave(Exit.DRIFT if found else Exit.OK)


def _verify_folder(session: Session, path: Path) -> None:
    from pyv_fleet.cli.release_folder import read_folder

    folder = read_folder(path)
    said = refuse_unverified(session, folder)
    show_one(session, folder.view, FOLDER)
    session.say(f"{path}: signed by {said}; config, golden hash and all files as named")


def refuse_unverified(session: Session, folder: Folder) -> str:
    """Who signed a folder, in words; CliError unless the fleet's release role signed all that is in it."""
    if folder.envelope is None or folder.statement is None:
        raise CliError(f"{folder.path}: not signed; what is in it fits together: pyv-fleet release sign {folder.path}")
    trust = _trust(session)
    if folder.release.fleet != session.client.fleet().name:
        raise CliError(f"{folder.path}: a release for fleet {folder.release.fleet}")
    _release_in(folder.envelope, trust, str(folder.path))
    _refuse_unsigned_statement(folder.statement, trust, str(folder.path))
    if folder.bundle is not None:
        bundles.refuse_unsigned(folder.bundle, trust)
    return _who(folder.envelope, trust)


def _verify_published(session: Session, ref: str) -> None:
    from pyv_fleet.core.provenance import stated
    from pyv_fleet.core.release import refuse_mismatch
    from pyvorin_edge.orders import release_digest

    client, trust = session.client, _trust(session)
    view = client.release(ref)
    sealed = client.release_envelope(view.digest)
    payload, release = _release_in(sealed, trust, view.version)
    if release_digest(payload) != view.digest:
        raise CliError(f"{view.version}: its digest is not the one named")
    refuse_mismatch(release, client.blob(release.config.sha256))
    if release.bundle is not None:
        manifest = bundles.verify_published(session, release.bundle, trust)
        session.say(f"bundle {manifest.bundle_name} {manifest.version}: signed, {len(manifest.files)} files as listed")
    if view.provenance is not None:
        statement = client.release_provenance(view.digest)
        stated(statement, view.digest)
        _refuse_unsigned_statement(statement, trust, view.version)
    show_one(session, view, FIELDS)
    session.say(f"{view.version}: signed by {_who(sealed, trust)}; config and golden hash as named")


def _release_in(sealed: bytes, trust: Trust, what: str) -> tuple[bytes, Release]:
    """The payload and the release in an envelope, verified before it is parsed."""
    from pyvorin_edge import orders
    from pyvorin_edge.envelope import TYPE_RELEASE, open_envelope
    from pyvorin_edge.trust import holds
    from pyvorin_edge.vocabulary import Role

    opened = open_envelope(sealed)
    if opened.payload_type != TYPE_RELEASE or not holds(trust, Role.RELEASE, opened):
        needed = trust.roles[Role.RELEASE].threshold
        raise CliError(
            f"{what}: not signed by the fleet's release role, which asks for {needed} of its keys in trust document "
            f"{trust.version}"
        )
    return opened.payload, orders.decode_order(opened.payload, orders.Release)


def _refuse_unsigned_statement(sealed: bytes, trust: Trust, what: str) -> None:
    from pyv_fleet.core.provenance import PROVENANCE_BYTES_MAX
    from pyvorin_edge.envelope import open_envelope
    from pyvorin_edge.trust import holds
    from pyvorin_edge.vocabulary import Role

    if not holds(trust, Role.RELEASE, open_envelope(sealed, limit_bytes=PROVENANCE_BYTES_MAX)):
        raise CliError(f"{what}: what it says of where it comes from is not signed by the fleet's release role")


def _who(sealed: bytes, trust: Trust) -> str:
    """The keys of the release role that signed, by the first digits of their ids."""
    from pyvorin_edge.envelope import open_envelope, signers
    from pyvorin_edge.vocabulary import Role

    keyids = sorted(signers(open_envelope(sealed), trust.roles[Role.RELEASE].by_id))
    return f"the release role (key{'' if len(keyids) == 1 else 's'} {', '.join(one[:16] for one in keyids)})"


def _trust(session: Session) -> Trust:
    """The newest trust document, reached from the fleet's root key step by step."""
    from pyvorin_edge.trust import advance, from_key

    fleet = session.client.fleet()
    trust = from_key(bytes.fromhex(fleet.root_key))
    for version in range(1, fleet.trust_version + 1):
        trust = advance(trust, session.client.trust_document(version))
    return trust


def _side(session: Session, what: str, channel: str | None) -> Side:
    from pyv_fleet.cli.release_folder import RELEASE, read_folder
    from pyv_fleet.core.release_diff import Side
    from pyvorin_edge.config.formats import parse

    path = Path(what)
    if path.is_file():
        from pyv_fleet.core.release_tree import format_of

        with naming(path):
            return Side(None, parse(path.read_bytes(), format_of(what)))
    if (path / RELEASE).is_file():
        folder = read_folder(path)
        return Side(folder.release, parse(folder.blob, folder.release.config.format))
    if path.is_dir():
        return _from_source(session, path, channel)
    return _published(session, what)


def _from_source(session: Session, path: Path, channel: str | None) -> Side:
    from pyv_fleet.cli.release_making import built_from
    from pyv_fleet.core.release_diff import Side
    from pyvorin_edge.config.formats import parse

    _, built, _ = built_from(session, path, version=None, channel=channel)
    return Side(built.release, parse(built.blob, built.release.config.format))


def _published(session: Session, ref: str) -> Side:
    from pyv_fleet.core.release_diff import Side
    from pyvorin_edge.config.formats import parse
    from pyvorin_edge.envelope import open_envelope
    from pyvorin_edge.orders import Release, decode_order

    view = session.client.release(ref)
    release = decode_order(open_envelope(session.client.release_envelope(view.digest)).payload, Release)
    return Side(release, parse(session.client.blob(release.config.sha256), release.config.format))

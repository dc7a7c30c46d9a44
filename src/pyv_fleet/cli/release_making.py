"""`pyv-fleet release build | sign | upload`: from files in git to a signed release at the controller."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from pyv_fleet.cli import bundles
from pyv_fleet.cli.output import show_list, show_one
from pyv_fleet.cli.release_shown import FIELDS, FOLDER, LEAVES
from pyv_fleet.cli.session import CliError, Exit, Session, with_session

if TYPE_CHECKING:
    from pyv_fleet.cli.release_folder import Folder
    from pyv_fleet.core.provenance import Provenance
    from pyv_fleet.core.release_build import Built
    from pyv_fleet.core.release_tree import Tree

directory = click.Path(path_type=Path, exists=True, file_okay=False)
key_option = click.option(
    "--key", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="The release key; else the operator's."
)


@click.command()
@click.argument("source", type=directory)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The folder to write.")
@click.option("--version", help="Instead of the one in release.toml; unique in the fleet.")
@click.option("--channel", help="Whose layer goes in; needed if there are layers of channels.")
@click.option("--by", help="Who builds; else git's user.name and user.email, else the user of this machine.")
@click.option("--explain", is_flag=True, help="Print every value and the layer that it comes from.")
@with_session
def build(
    session: Session, source: Path, out: Path, version: str | None, channel: str | None, by: str | None, explain: bool
) -> None:
    """Build a release from a directory in git: layers merged, everything checked, nothing signed.

    The directory holds release.toml, a config, and layers/fleet.toml, layers/channel/NAME.toml, layers/group/NAME.toml,
    layers/device/ID.toml. The same files give the same digest.
    """
    from pyv_fleet.cli.release_folder import read_folder, write_folder

    tree, built, bundle = built_from(session, source, version=version, channel=channel)
    said = _provenance(source, tree, built, version=version, channel=channel, by=by, out=out)
    if not write_folder(out, built, said, bundle):
        session.say(f"{out}: holds this very release, signed: nothing was changed")
    folder = read_folder(out)
    if explain:
        show_list(session, built.leaves, LEAVES)
    else:
        show_one(session, folder.view, FOLDER)
    if folder.provenance.commit is not None and folder.provenance.commit.dirty:
        session.say(f"{source}: has changes that are in no commit; commit them before you sign")


@click.command()
@click.argument("folder", type=directory)
@key_option
@with_session
def sign(session: Session, folder: Path, key: Path | None) -> None:
    """Sign a built release in its folder; again with another key adds a signature. Needs no controller."""
    from pyv_fleet.cli.release_folder import read_folder, sign_folder
    from pyv_fleet.trust.keyfiles import read_key

    signing = read_key(key or session.home / session.context.release_key)
    show_one(session, sign_folder(read_folder(folder), signing).view, FOLDER)


@click.command()
@click.argument("folder", type=directory)
@with_session
def upload(session: Session, folder: Path) -> None:
    """Bring a signed release to the controller, with its config, bundle and provenance; again changes nothing."""
    from pyv_fleet.cli.release_folder import read_folder
    from pyv_fleet.core.views import ReleaseUpload

    found = read_folder(folder)
    if found.envelope is None:
        raise CliError(f"{folder}: not signed yet: pyv-fleet release sign {folder}", Exit.USAGE)
    if found.bundle is not None:
        bundles.upload(session, found.bundle)
    view = session.client.publish_release(
        ReleaseUpload(envelope=found.envelope, blob=found.blob, provenance=found.statement)
    )
    show_one(session, view, FIELDS)
    _say_overlays(session, found)


def built_from(
    session: Session, source: Path, *, version: str | None, channel: str | None
) -> tuple[Tree, Built, Path | None]:
    """A directory's files, the release that they make, and the bundle that it brings. CliError, ReleaseRefused."""
    from pyv_fleet.cli.release_source import read_files
    from pyv_fleet.core.release_build import assemble
    from pyv_fleet.core.release_tree import read_tree

    tree = read_tree(read_files(source))
    bundle = None if tree.terms.bundle is None else source / tree.terms.bundle
    named = None if bundle is None else bundles.reference_to(bundle)
    fleet = tree.terms.fleet or session.client.fleet().name
    return tree, assemble(tree, fleet=fleet, version=version, channel=channel, bundle=named), bundle


def _provenance(
    source: Path, tree: Tree, built: Built, *, version: str | None, channel: str | None, by: str | None, out: Path
) -> Provenance:
    from pyv_fleet.cli.release_source import commit_of, stated
    from pyv_fleet.core.release_build import overlays_bytes
    from pyvorin_edge.identity import digest_of

    files = {path: str(digest_of(data)) for path, data in tree.files.items()}
    if tree.terms.bundle is not None and built.release.bundle is not None:
        files[tree.terms.bundle] = str(built.release.bundle.sha256)
    said = stated(built.digest, version or tree.terms.version or built.release.version, source, files, by=by)
    return msgspec.structs.replace(
        said,
        channel=channel,
        commit=commit_of(source, without=out),
        overlays=digest_of(overlays_bytes(built.overlays)) if tree.groups or tree.devices else None,
    )


def _say_overlays(session: Session, folder: Folder) -> None:
    if folder.overlays is None:
        return
    session.say(
        f"{len(folder.overlays.groups)} groups and {len(folder.overlays.devices)} devices have assignments of their "
        f"own in {folder.path / 'overlays.json'}: they are not signed with the release, and are to be set when it runs"
    )

"""`pyv-fleet release`: one step from a config to a published release; what is published; and the other verbs."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pyv_fleet.cli import bundles
from pyv_fleet.cli.export import export
from pyv_fleet.cli.filters import version_option
from pyv_fleet.cli.output import show_list, show_one
from pyv_fleet.cli.release_assigning import assign
from pyv_fleet.cli.release_judging import diff, verify
from pyv_fleet.cli.release_making import build, sign, upload
from pyv_fleet.cli.release_moves import promote, yank
from pyv_fleet.cli.release_shown import COLUMNS, FIELDS
from pyv_fleet.cli.session import CliError, Exit, Session, naming, with_session

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyv_fleet.core.views import ReleaseUpload
    from pyvorin_edge.orders import Release
    from pyvorin_edge.vocabulary import ConfigFormat

existing = click.Path(path_type=Path, exists=True)
existing_file = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group()
def group() -> None:
    """Releases: build, sign, upload, compare, promote, withdraw."""


group.add_command(export)


def release_terms(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say what a release is."""
    options = (
        version_option,
        click.option("--config", type=existing_file, required=True, help="TOML or JSON."),
        click.option("--gate-within", type=click.IntRange(1, 86_400), default=60, show_default=True, help="Seconds."),
        click.option("--gate-hold", type=click.IntRange(0, 86_400), default=10, show_default=True, help="Seconds."),
        click.option("--open", "open_pointers", multiple=True, help="JSON Pointer that an overlay may set; repeat."),
        click.option("--security", type=click.IntRange(0), default=0, show_default=True),
        click.option("--floor", type=click.IntRange(0), default=0, show_default=True),
        click.option("--skip-validation", is_flag=True, help="Sign what does not validate, to see it refused (admin)."),
    )
    for option in reversed(options):
        function = option(function)
    return function


@group.command()
@release_terms
@click.option("--bundle", type=existing, help="A directory to sign and pack, or an archive.")
@with_session
def create(session: Session, config: Path, skip_validation: bool, bundle: Path | None, **terms: Any) -> None:
    """Check, build, sign with the operator's release key, and upload: one step, from a config and options alone."""
    blob, key = config.read_bytes(), session.home / session.context.release_key
    if bundle is None:
        release = _built(session, config, blob, skip_validation=skip_validation, **terms)
        _publish(session, _signed(release, blob, config, key), unchecked=skip_validation)
        return
    with bundles.archive_of(bundle, terms["version"], key) as archive:
        named = bundles.reference_to(archive)
        release = _built(session, config, blob, skip_validation=skip_validation, bundle=named, **terms)
        signed = _signed(release, blob, config, key)
        bundles.upload(session, archive)
        _publish(session, signed, unchecked=skip_validation)


@group.command("list")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True)
@with_session
def list_(session: Session, limit: int) -> None:
    """Releases, the newest first."""
    show_list(session, list(itertools.islice(session.client.releases(), limit)), COLUMNS, paged=True)


@group.command()
@click.argument("ref")
@with_session
def show(session: Session, ref: str) -> None:
    """One release, by version or digest."""
    show_one(session, session.client.release(ref), FIELDS)


def _built(session: Session, config: Path, blob: bytes, *, gate_within: int, gate_hold: int, **terms: Any) -> Release:
    from pyv_fleet.core.release import build_release
    from pyvorin_edge.orders import Gate

    gate = Gate(within_seconds=gate_within, hold_seconds=gate_hold)
    fleet, format_ = session.client.fleet().name, _format_of(config)
    with naming(config):
        return build_release(blob, fleet=fleet, format=format_, gate=gate, **terms)


def _format_of(config: Path) -> ConfigFormat:
    from pyvorin_edge.vocabulary import ConfigFormat

    match config.suffix.lower():
        case ".toml":
            return ConfigFormat.TOML
        case ".json":
            return ConfigFormat.JSON
        case other:
            raise CliError(f"{config}: a config ends in .toml or .json, not {other or 'nothing'!r}", Exit.USAGE)


def _signed(release: Release, blob: bytes, config: Path, key_file: Path) -> ReleaseUpload:
    """The release and the statement of where it comes from, signed by one key."""
    from pyv_fleet.cli.release_source import stated
    from pyv_fleet.core.provenance import encode_provenance
    from pyv_fleet.core.views import ReleaseUpload
    from pyv_fleet.trust.keyfiles import read_key
    from pyv_fleet.trust.signing import sign_provenance, sign_release
    from pyvorin_edge.identity import digest_of
    from pyvorin_edge.orders import encode_order

    files = {config.name: str(digest_of(blob))}
    if release.bundle is not None:
        files["bundle"] = str(release.bundle.sha256)
    said = stated(digest_of(encode_order(release)), release.version, config.parent, files, by=None)
    key = read_key(key_file)
    statement = sign_provenance(encode_provenance(said), key)
    return ReleaseUpload(envelope=sign_release(release, key), blob=blob, provenance=statement)


def _publish(session: Session, signed: ReleaseUpload, *, unchecked: bool) -> None:
    show_one(session, session.client.publish_release(signed, unchecked=unchecked), FIELDS)


for _one in (build, sign, verify, upload, assign, diff, promote, yank):
    group.add_command(_one)

"""`pyv-fleet release`: build, sign and publish; checked here before the release key signs anything."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pyv_fleet.cli import bundles
from pyv_fleet.cli.export import export
from pyv_fleet.cli.filters import version_option
from pyv_fleet.cli.output import Column, show_list, show_one
from pyv_fleet.cli.session import CliError, Exit, Session, naming, with_session

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyvorin_edge.orders import Release
    from pyvorin_edge.vocabulary import ConfigFormat

existing = click.Path(path_type=Path, exists=True)
existing_file = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group()
def group() -> None:
    """Releases: build, sign, publish."""


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
    """Check, build, sign with the operator's release key, and publish: one step."""
    blob, key = config.read_bytes(), session.home / session.context.release_key
    if bundle is None:
        release = _built(session, config, blob, skip_validation=skip_validation, **terms)
        _publish(session, _signed(release, key), blob, unchecked=skip_validation)
        return
    with bundles.archive_of(bundle, terms["version"], key) as archive:
        named = bundles.reference_to(archive)
        release = _built(session, config, blob, skip_validation=skip_validation, bundle=named, **terms)
        envelope = _signed(release, key)
        bundles.upload(session, archive)
        _publish(session, envelope, blob, unchecked=skip_validation)


@group.command()
@release_terms
@click.option("--bundle", type=existing_file, help="An archive of `pyv-edge-sign --archive`.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Where the unsigned release is written.")
@with_session
def build(session: Session, out: Path, config: Path, bundle: Path | None, **terms: Any) -> None:
    """Check and build a release, unsigned."""
    from pyv_fleet.durable import write_durably
    from pyvorin_edge.orders import encode_order

    named = bundles.reference_to(bundle) if bundle is not None else None
    write_durably(out, encode_order(_built(session, config, config.read_bytes(), bundle=named, **terms)), mode=0o644)


@group.command()
@click.argument("release", type=existing_file)
@click.option("--key", type=existing_file, help="The release key; else the operator's.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Where the envelope is written.")
@with_session
def sign(session: Session, release: Path, key: Path | None, out: Path) -> None:
    """Sign a built release; needs no controller."""
    from pyv_fleet.durable import write_durably
    from pyvorin_edge import orders

    with naming(release):
        built = orders.decode_order(release.read_bytes(), orders.Release)
    write_durably(out, _signed(built, key or session.home / session.context.release_key), mode=0o644)


@group.command()
@click.argument("envelope", type=existing_file)
@click.option("--config", type=existing_file, required=True, help="The config that it names.")
@click.option("--bundle", type=existing_file, help="The archive that it names.")
@with_session
def publish(session: Session, envelope: Path, config: Path, bundle: Path | None) -> None:
    """Upload a signed release, its config and its bundle."""
    from pyvorin_edge.envelope import open_envelope

    signed = envelope.read_bytes()
    with naming(envelope):
        open_envelope(signed)
    if bundle is not None:
        bundles.upload(session, bundle)
    _publish(session, signed, config.read_bytes(), unchecked=False)


@group.command("list")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True)
@with_session
def list_(session: Session, limit: int) -> None:
    """Releases, the newest first."""
    show_list(session, list(itertools.islice(session.client.releases(), limit)), _COLUMNS, paged=True)


@group.command()
@click.argument("ref")
@with_session
def show(session: Session, ref: str) -> None:
    """One release, by version or digest."""
    show_one(session, session.client.release(ref), _FIELDS)


@group.command()
@click.argument("ref")
@with_session
def verify(session: Session, ref: str) -> None:
    """Verify a published release here: chain of trust, signature, digest, config, golden hash, bundle."""
    from pyv_fleet.core.release import refuse_mismatch
    from pyvorin_edge import orders
    from pyvorin_edge.envelope import TYPE_RELEASE, open_envelope
    from pyvorin_edge.trust import advance, from_key, holds
    from pyvorin_edge.vocabulary import Role

    client, view, fleet = session.client, session.client.release(ref), session.client.fleet()
    trust = from_key(bytes.fromhex(fleet.root_key))
    for version in range(1, fleet.trust_version + 1):
        trust = advance(trust, client.trust_document(version))
    envelope = open_envelope(client.release_envelope(view.digest))
    if envelope.payload_type != TYPE_RELEASE or not holds(trust, Role.RELEASE, envelope):
        raise CliError(f"{view.version}: not signed by the fleet's release role")
    if orders.release_digest(envelope.payload) != view.digest:
        raise CliError(f"{view.version}: its digest is not the one named")
    release = orders.decode_order(envelope.payload, orders.Release)
    refuse_mismatch(release, client.blob(release.config.sha256))
    if release.bundle is not None:
        manifest = bundles.verify_published(session, release.bundle, trust)
        session.say(f"bundle {manifest.bundle_name} {manifest.version}: signed, {len(manifest.files)} files as listed")
    show_one(session, view, _FIELDS)
    session.say(f"{view.version}: signed by the release role, config and golden hash as named")


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


def _signed(release: Release, key: Path) -> bytes:
    from pyv_fleet.trust.keyfiles import read_key
    from pyv_fleet.trust.signing import sign_release

    return sign_release(release, read_key(key))


def _publish(session: Session, envelope: bytes, blob: bytes, *, unchecked: bool) -> None:
    from pyv_fleet.core.views import ReleaseUpload

    view = session.client.publish_release(ReleaseUpload(envelope=envelope, blob=blob), unchecked=unchecked)
    show_one(session, view, _FIELDS)


_COLUMNS = (
    Column("version", lambda r: r.version),
    Column("digest", lambda r: r.digest[:16]),
    Column("golden hash", lambda r: r.golden_hash[:16]),
    Column("channels", lambda r: r.channels),
    Column("published", lambda r: r.published_at),
    Column("by", lambda r: r.published_by),
)
_FIELDS = (
    Column("version", lambda r: r.version),
    Column("digest", lambda r: r.digest),
    Column("config", lambda r: r.config_sha256),
    Column("format", lambda r: r.format),
    Column("bundle", lambda r: f"{r.bundle.name} {r.bundle.version}" if r.bundle else ""),
    Column("golden hash", lambda r: r.golden_hash),
    Column("security", lambda r: r.security),
    Column("floor", lambda r: r.floor),
    Column("channels", lambda r: r.channels),
    Column("published", lambda r: r.published_at),
    Column("by", lambda r: r.published_by),
)

"""`pyv-edge-sign`: sign a directory as a bundle, and pack it."""

from __future__ import annotations

from pathlib import Path

import click

from pyvorin_edge.errors import PyvorinError
from pyvorin_edge.packaging.archive import pack
from pyvorin_edge.packaging.signer import BundleSigner, read_seed

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option("--bundle-dir", required=True, type=click.Path(path_type=Path, file_okay=False), help="What to sign.")
@click.option(
    "--private-key",
    "key_files",
    required=True,
    multiple=True,
    type=_FILE,
    help="The release key: 64 hex characters of its seed, mode 0600. Again for each further signer.",
)
@click.option("--output-manifest", required=True, type=_FILE, help="Where to; BUNDLE_DIR/manifest.json puts it inside.")
@click.option("--name", help="The bundle's name.  [default: the directory's]")
@click.option("--version", "version", help="The bundle's version.  [default: from its content]")
@click.option("--timestamp", type=click.IntRange(min=0), help="Unix ms.  [default: $SOURCE_DATE_EPOCH, else now]")
@click.option("--archive", type=_FILE, help="Also pack what was signed into this file (.tar.gz).")
def main(
    bundle_dir: Path,
    key_files: tuple[Path, ...],
    output_manifest: Path,
    name: str | None,
    version: str | None,
    timestamp: int | None,
    archive: Path | None,
) -> None:
    """Sign every file of a directory with the release key, and perhaps pack it into an archive.

    The same directory, name, version, timestamp and key give the same manifest.
    """
    try:
        first, *others = (read_seed(path) for path in key_files)
        manifest = BundleSigner().sign_bundle(
            bundle_dir=bundle_dir,
            private_key=first,
            output_manifest=output_manifest,
            bundle_name=name,
            version=version,
            timestamp=timestamp,
            cosigners=others,
        )
        click.echo(f"{output_manifest}: {manifest.bundle_name} {manifest.version}, {len(manifest.files)} files")
        if archive is not None:
            packed = pack(bundle_dir, archive, manifest=output_manifest)
            click.echo(f"{archive}: {packed.size} bytes, SHA-256 {packed.sha256}")
    except PyvorinError as why:
        raise click.ClickException(str(why)) from None
    except OSError as why:
        raise click.ClickException(f"{why.filename or 'the disk'}: {why.strerror or why}") from None

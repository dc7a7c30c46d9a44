"""A release's bundle at the operator's: signed and packed from a directory, or an archive; checked; uploaded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import TYPE_CHECKING

from pyv_fleet.cli.session import CliError, Exit, Session, naming

if TYPE_CHECKING:
    from pyvorin_edge.orders import BundleRef
    from pyvorin_edge.packaging.manifest import Manifest
    from pyvorin_edge.trust import Trust


@contextmanager
def archive_of(path: Path, version: str, key: Path) -> Iterator[Path]:
    """The archive to publish: `path` itself, or a directory signed with the release key and packed, for the while."""
    if not path.is_dir():
        yield path
        return
    from pyv_fleet.trust.keyfiles import read_key
    from pyvorin_edge.packaging.archive import pack
    from pyvorin_edge.packaging.signer import BundleSigner

    with TemporaryDirectory(prefix="pyv-bundle-") as room:
        manifest, archive = Path(room) / "manifest.json", Path(room) / "bundle.tar.gz"
        BundleSigner().sign_bundle(
            bundle_dir=path,
            private_key=read_key(key).private_bytes_raw(),
            output_manifest=manifest,
            version=version,
        )
        pack(path, archive, manifest=manifest)
        yield archive


def reference_to(archive: Path) -> BundleRef:
    """What a release says of an archive; BundleError if it is none that a device takes."""
    import hashlib

    from pyvorin_edge.identity import Digest
    from pyvorin_edge.orders import BundleRef
    from pyvorin_edge.packaging.inspection import inspect

    if archive.is_dir():
        raise CliError(f"{archive}: sign and pack it first, with `pyv-edge-sign --archive`", Exit.USAGE)
    with archive.open("rb") as file:
        with naming(archive):
            found = inspect(file)
        size = file.tell()
        file.seek(0)
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return BundleRef(
        name=found.manifest.bundle_name,
        version=found.manifest.version,
        manifest_sha256=Digest(found.manifest_sha256),
        sha256=Digest(sha256),
        size=size,
    )


def upload(session: Session, archive: Path) -> None:
    """Bring it to the controller."""
    from pyv_fleet.transfers import BundleClient

    with BundleClient.at(session.home) as client:
        view = client.upload_bundle(archive)
    session.say(f"bundle {view.sha256}: {view.size} bytes at the controller")


def fetch_to(session: Session, bundle: BundleRef, folder: Path) -> Path:
    """A published bundle's archive in `folder`, whole or not there at all; one that is there is not fetched again."""
    import hashlib
    import os

    from pyv_fleet.durable import sync_directory
    from pyv_fleet.transfers import BundleClient

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{bundle.sha256[:16]}.tar.gz"
    if path.exists():
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() == bundle.sha256:
                return path
    part = path.with_suffix(".part")
    with part.open("wb") as file, BundleClient.at(session.home) as client:
        client.download_bundle(bundle.sha256, bundle.size, file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    sync_directory(folder)
    return path


def verify_published(session: Session, bundle: BundleRef, trust: Trust) -> Manifest:
    """Download a release's bundle and judge it here; CliError, BundleError."""
    from pyv_fleet.transfers import BundleClient
    from pyvorin_edge.packaging.inspection import inspect

    with TemporaryFile(prefix="pyv-bundle-") as file, BundleClient.at(session.home) as client:
        client.download_bundle(bundle.sha256, bundle.size, file)
        file.seek(0)
        found = inspect(file)
    found.refuse_unsigned(trust)
    if found.manifest_sha256 != bundle.manifest_sha256:
        raise CliError(f"bundle {bundle.name}: its manifest is not the one that the release names")
    return found.manifest


def refuse_unsigned(archive: Path, trust: Trust) -> None:
    """BundleError unless the release role signed an archive that lies here."""
    from pyvorin_edge.packaging.inspection import inspect

    with archive.open("rb") as file, naming(archive):
        inspect(file).refuse_unsigned(trust)

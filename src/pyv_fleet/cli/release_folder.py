"""A built release as a folder: what is to be signed, what it names, and where it comes from; signed in place.

release.json     the release, the very bytes that are signed; their SHA-256 is its digest
config.toml      the config that it names (or config.json)
bundle.tar.gz    the bundle that it names, if it does
overlays.json    what groups and devices are assigned over it, if there are layers for them
provenance.json  who built it, when, from which commit and files
release.dsse     release.json, signed        provenance.dsse  provenance.json, signed by the same keys
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Final

import msgspec

from pyv_fleet.cli import bundles
from pyv_fleet.cli.session import CliError, Exit, naming
from pyv_fleet.core.provenance import PROVENANCE_BYTES_MAX, Provenance, decode_provenance, encode_provenance
from pyv_fleet.core.release import refuse_mismatch
from pyv_fleet.core.release_build import Overlays, overlays_bytes, read_overlays
from pyv_fleet.durable import sync_directory, write_durably
from pyvorin_edge.envelope import open_envelope
from pyvorin_edge.identity import Digest, digest_of
from pyvorin_edge.orders import Release, decode_order, encode_order

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from pyv_fleet.core.release_build import Built

RELEASE: Final = "release.json"
SIGNED: Final = "release.dsse"
PROVENANCE: Final = "provenance.json"
STATED: Final = "provenance.dsse"
OVERLAYS: Final = "overlays.json"
BUNDLE: Final = "bundle.tar.gz"


class FolderView(msgspec.Struct, frozen=True, kw_only=True):
    """What a folder holds, for people and programs."""

    digest: str
    release: Release
    provenance: Provenance
    #: that have assignments of their own
    groups: tuple[str, ...]
    devices: tuple[str, ...]
    #: ids of the keys whose signatures are there; whether they count, `release verify` says
    signed_by: tuple[str, ...]


class Folder(msgspec.Struct, frozen=True, kw_only=True):
    """A folder that was read: its parts fit each other, and every device will take them."""

    path: Path
    payload: bytes
    release: Release
    blob: bytes
    provenance: Provenance
    overlays: Overlays | None
    #: none = not signed yet
    envelope: bytes | None
    statement: bytes | None

    @property
    def digest(self) -> Digest:
        """Of the release."""
        return digest_of(self.payload)

    @property
    def view(self) -> FolderView:
        """As it is shown."""
        sealed = () if self.envelope is None else open_envelope(self.envelope).signatures
        return FolderView(
            digest=self.digest,
            release=self.release,
            provenance=self.provenance,
            groups=() if self.overlays is None else tuple(self.overlays.groups),
            devices=() if self.overlays is None else tuple(self.overlays.devices),
            signed_by=tuple(one.keyid for one in sealed),
        )

    @property
    def bundle(self) -> Path | None:
        """Its archive, if it brings one."""
        return None if self.release.bundle is None else self.path / BUNDLE


def write_folder(out: Path, built: Built, provenance: Provenance, bundle: Path | None) -> bool:
    """Lay it down whole or not at all; false if this very release lies there signed: then nothing is changed.

    An unsigned one is replaced, another signed one never: CliError (conflict).
    """
    if _holds_signed(out, built, provenance):
        return False
    out.parent.mkdir(parents=True, exist_ok=True)
    room = Path(mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        _fill(room, built, provenance, bundle)
        room.chmod(0o755)
        if out.exists():
            shutil.rmtree(out)
        os.replace(room, out)
    except BaseException:
        shutil.rmtree(room, ignore_errors=True)
        raise
    sync_directory(out.parent)
    return True


def read_folder(path: Path) -> Folder:
    """Read and checked: the release against its config, bundle, provenance and overlays. CliError, ReleaseRefused."""
    if not (path / RELEASE).is_file():
        raise CliError(f"{path}: no built release: `pyv-fleet release build DIR --out {path}` makes one", Exit.USAGE)
    payload = (path / RELEASE).read_bytes()
    with naming(path / RELEASE):
        release = decode_order(payload, Release)
    config = path / f"config.{release.config.format.value}"
    blob = config.read_bytes()
    with naming(config):
        refuse_mismatch(release, blob)
    with naming(path / PROVENANCE):
        provenance = decode_provenance((path / PROVENANCE).read_bytes())
    _refuse_misfit(path, release, payload, provenance)
    return Folder(
        path=path,
        payload=payload,
        release=release,
        blob=blob,
        provenance=provenance,
        overlays=_overlays(path, provenance),
        envelope=_sealed(path, SIGNED, payload),
        statement=_sealed(path, STATED, (path / PROVENANCE).read_bytes()),
    )


def sign_folder(folder: Folder, key: Ed25519PrivateKey) -> Folder:
    """Signed by `key` as well, in place: the release and the statement of where it comes from."""
    from pyv_fleet.trust.signing import sign_also, sign_provenance, sign_release

    if folder.envelope is None or folder.statement is None:
        envelope = sign_release(folder.release, key)
        statement = sign_provenance(encode_provenance(folder.provenance), key)
    else:
        envelope = sign_also(folder.envelope, key)
        statement = sign_also(folder.statement, key, limit_bytes=PROVENANCE_BYTES_MAX)
    write_durably(folder.path / STATED, statement, mode=0o644)
    write_durably(folder.path / SIGNED, envelope, mode=0o644)  # last: with it the folder is signed
    return read_folder(folder.path)


def _holds_signed(out: Path, built: Built, provenance: Provenance) -> bool:
    if out.exists() and not (out / RELEASE).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise CliError(f"{out}: something else is there: name a new folder", Exit.CONFLICT)
    if not (out / SIGNED).exists():
        return False
    there = read_folder(out)
    if (there.payload, there.provenance.overlays) == (built.payload, provenance.overlays):
        return True
    raise CliError(
        f"{out}: holds {there.release.version}, signed, which never changes: name a new folder", Exit.CONFLICT
    )


def _fill(room: Path, built: Built, provenance: Provenance, bundle: Path | None) -> None:
    write_durably(room / f"config.{built.release.config.format.value}", built.blob, mode=0o644)
    if bundle is not None:
        shutil.copyfile(bundle, room / BUNDLE)
    if provenance.overlays is not None:
        write_durably(room / OVERLAYS, overlays_bytes(built.overlays), mode=0o644)
    write_durably(room / PROVENANCE, encode_provenance(provenance), mode=0o644)
    write_durably(room / RELEASE, built.payload, mode=0o644)


def _refuse_misfit(path: Path, release: Release, payload: bytes, provenance: Provenance) -> None:
    if encode_order(release) != payload:
        raise CliError(f"{path / RELEASE}: not as it was built: build it anew")
    if encode_provenance(provenance) != (path / PROVENANCE).read_bytes():
        raise CliError(f"{path / PROVENANCE}: not as it was built: build it anew")
    if provenance.release != digest_of(payload):
        raise CliError(f"{path / PROVENANCE}: it is about another release, {provenance.release}: build it anew")
    if release.bundle is not None and bundles.reference_to(path / BUNDLE) != release.bundle:
        raise CliError(f"{path / BUNDLE}: not the bundle that the release names: build it anew")


def _overlays(path: Path, provenance: Provenance) -> Overlays | None:
    if provenance.overlays is None:
        return None
    data = (path / OVERLAYS).read_bytes()
    if digest_of(data) != provenance.overlays:
        raise CliError(f"{path / OVERLAYS}: changed since it was built: build it anew")
    return read_overlays(data)


def _sealed(path: Path, name: str, payload: bytes) -> bytes | None:
    """The envelope, if it is there; CliError if it is about other bytes than lie beside it."""
    found = None
    with suppress(FileNotFoundError):
        found = (path / name).read_bytes()
    if found is None:
        return None
    with naming(path / name):
        opened = open_envelope(found, limit_bytes=PROVENANCE_BYTES_MAX)
    if opened.payload != payload:
        raise CliError(f"{path / name}: signed over other bytes than lie beside it: build and sign it anew")
    return found

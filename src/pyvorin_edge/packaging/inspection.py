"""An archive judged as a device would judge it, as a stream: nothing is unpacked, nothing held but its manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from pyvorin_edge.identity import digest_of
from pyvorin_edge.packaging.admission import Admission
from pyvorin_edge.packaging.errors import BundleError
from pyvorin_edge.packaging.limits import DEFAULT_LIMITS, BundleLimits
from pyvorin_edge.packaging.manifest import Manifest, SignedManifest, parse_manifest, refuse_unsigned
from pyvorin_edge.packaging.tape import Member, Tape
from pyvorin_edge.trust import Trust
from pyvorin_edge.vocabulary import BundleFault, Role


class Inspected(msgspec.Struct, frozen=True):
    """An archive whose files are those of its manifest; who signed it is not asked yet."""

    signed: SignedManifest
    manifest_sha256: str

    @property
    def manifest(self) -> Manifest:
        """What it says of itself."""
        return self.signed.manifest

    def refuse_unsigned(self, trust: Trust) -> None:
        """BundleError unless enough keys of the release role signed it."""
        refuse_unsigned(self.signed, trust.roles[Role.RELEASE])


def inspect(archive: BinaryIO, limits: BundleLimits = DEFAULT_LIMITS) -> Inspected:
    """Read an archive to its end and compare every file with its manifest; BundleError names what does not fit."""
    tape, admission = Tape(archive), Admission(limits)
    first = tape.member()
    if first is None:
        raise BundleError(BundleFault.ARCHIVE, "archive", "it holds no file")
    admission.admit(first)
    data = b"".join(tape.content(first))
    signed = parse_manifest(data, limits)
    missing = set(signed.manifest.files)
    while (member := tape.member()) is not None:
        admission.admit(member)
        _refuse_member(member, tape.content(member), signed.manifest)
        missing.discard(member.path)
    if missing:
        raise BundleError(BundleFault.MISSING, min(missing), f"{len(missing)} in all")
    return Inspected(signed, digest_of(data))


def _refuse_member(member: Member, content: Iterator[bytes], manifest: Manifest) -> None:
    if member.path not in manifest.files:
        raise BundleError(BundleFault.EXTRA, member.path, "a file")
    if member.size != manifest.sizes.get(member.path, member.size):
        raise BundleError(BundleFault.CONTENT, member.path, f"{member.size} bytes are not what was signed")
    if manifest.executable is not None and member.executable != (member.path in manifest.executable):
        raise BundleError(BundleFault.MODE, member.path, "executable" if member.executable else "not executable")
    found = hashlib.sha256()
    for chunk in content:
        found.update(chunk)
    if found.hexdigest() != manifest.files[member.path]:
        raise BundleError(BundleFault.CONTENT, member.path, "its SHA-256 is another")

"""Where a release comes from: a statement of its own beside the release, signed by the same keys.

It is no part of the release: so the same content has the same digest, whoever built it when. Devices never see it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from pyvorin_edge import wire
from pyvorin_edge.canonical import config_hash
from pyvorin_edge.envelope import EnvelopeError, open_envelope
from pyvorin_edge.errors import PyvorinError, WireError
from pyvorin_edge.identity import Digest
from pyvorin_edge.orders import HexDigest, Text

TYPE_PROVENANCE: Final = "application/vnd.pyvorin.provenance.v1+json"
#: of the envelope; so that it goes to the API in one piece with release and config
PROVENANCE_BYTES_MAX: Final = 64 * 1024
#: base64 and signatures are added to it
PAYLOAD_BYTES_MAX: Final = 40 * 1024
#: beyond so many files those of devices are named together
FILES_MAX: Final = 200
_DEVICES: Final = "layers/device/"


class ProvenanceError(PyvorinError):
    """A statement that cannot be read, or is about another release."""


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """The git commit of a release's directory."""

    id: Annotated[str, Meta(pattern=r"^[0-9a-f]{40,64}$(?!\n)")]
    #: whether files of the directory differed from it, or were unknown to it
    dirty: bool


class Provenance(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who built a release, from what."""

    v: Literal[1]
    #: the digest of the release that this is about
    release: HexDigest
    #: as in `release.toml`; the release's own has `+CHANNEL` behind it where a channel's layer went in
    version: Text
    built_by: Text
    built_at: dt.datetime
    #: with its version
    tool: Text
    #: SHA-256 over the path and SHA-256 of every file: equal = built from the same files
    tree: HexDigest
    #: SHA-256 of each file by its path in the directory
    files: dict[str, str]
    #: whose layer went in; none = the release is for every channel
    channel: str | None = None
    #: none = not known to git, or there was no git
    commit: Commit | None = None
    #: SHA-256 of the assignments for groups and devices that were built with it
    overlays: HexDigest | None = None


def tree_of(files: Mapping[str, str]) -> tuple[Digest, dict[str, str]]:
    """One digest of all files, from the SHA-256 of each by its path; and what is listed: where they are many, those of
    devices as one."""
    every = dict(sorted(files.items()))
    tree = Digest(config_hash(every))
    if len(every) <= FILES_MAX:
        return tree, every
    devices = {path: digest for path, digest in every.items() if path.startswith(_DEVICES)}
    listed = {path: digest for path, digest in every.items() if path not in devices}
    return tree, listed | {f"{_DEVICES} ({len(devices)} files)": config_hash(devices)}


def encode_provenance(statement: Provenance) -> bytes:
    """The bytes to sign; ProvenanceError if it is too long to go with a release."""
    payload = wire.encode(statement)
    if len(payload) > PAYLOAD_BYTES_MAX:
        raise ProvenanceError(
            f"provenance: {len(payload)} bytes where {PAYLOAD_BYTES_MAX} are allowed: too many layers of groups"
        )
    return payload


def decode_provenance(payload: bytes) -> Provenance:
    """A statement's bytes, read; ProvenanceError."""
    try:
        return wire.decode(payload, Provenance, limit_bytes=PAYLOAD_BYTES_MAX)
    except WireError as why:
        raise ProvenanceError(f"provenance: {why}") from None


def stated(envelope: bytes, release: str) -> Provenance:
    """What a signed statement says, not yet verified; ProvenanceError if it is none about `release`."""
    try:
        opened = open_envelope(envelope, limit_bytes=PROVENANCE_BYTES_MAX)
    except EnvelopeError as why:
        raise ProvenanceError(f"provenance: {why}") from None
    if opened.payload_type != TYPE_PROVENANCE:
        raise ProvenanceError(f"provenance: payloadType is {opened.payload_type!r}, not {TYPE_PROVENANCE!r}")
    found = decode_provenance(opened.payload)
    if found.release != release:
        raise ProvenanceError(f"provenance: it is about {found.release}, not about {release}")
    return found

"""Releases."""

from __future__ import annotations

import datetime as dt

import msgspec

from pyvorin_edge.orders import BundleRef
from pyvorin_edge.vocabulary import ConfigFormat


class ReleaseView(msgspec.Struct, frozen=True, kw_only=True):
    """A published release, and the bundle that it names, if it does."""

    digest: str
    version: str
    config_sha256: str
    format: ConfigFormat
    golden_hash: str
    security: int
    floor: int
    published_at: dt.datetime
    published_by: str
    #: channels that have it as a rule's release now
    channels: tuple[str, ...] = ()
    bundle: BundleRef | None = None


class ReleaseUpload(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /v1/releases: the signed envelope and the config's bytes, both base64 (standard, padded)."""

    envelope: bytes
    blob: bytes

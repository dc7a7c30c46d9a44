"""Releases."""

from __future__ import annotations

import datetime as dt

import msgspec

from pyv_fleet.core.provenance import Provenance
from pyv_fleet.core.views.page import Reason
from pyvorin_edge.orders import BundleRef
from pyvorin_edge.vocabulary import ConfigFormat


class YankView(msgspec.Struct, frozen=True, kw_only=True):
    """That a release was withdrawn, when, by whom, why."""

    at: dt.datetime
    by: str
    reason: str


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
    #: ids of the keys of the release role in force that signed it
    signed_by: tuple[str, ...] = ()
    #: signed by the same role; none = it was published without
    provenance: Provenance | None = None
    #: none = it may be rolled out
    yanked: YankView | None = None


class ReleaseUpload(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /v1/releases: the signed envelope, the config's bytes and the signed statement of where it comes
    from, all base64 (standard, padded)."""

    envelope: bytes
    blob: bytes
    provenance: bytes | None = None


class YankBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /v1/releases/{ref}/yank: withdraw it, or with `undo` allow it again."""

    reason: Reason
    undo: bool = False


class YankedView(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of POST /v1/releases/{ref}/yank: what it stopped, and what it leaves to a person."""

    release: ReleaseView
    #: ids of the rollouts that were paused
    paused: tuple[str, ...] = ()
    #: channels whose devices are still told to run it
    golden_of: tuple[str, ...] = ()
    #: devices that are pinned to it, at most 100
    pinned: tuple[str, ...] = ()
    #: devices that say they run it
    running: int = 0


class PromoteBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    """Body of POST /v1/releases/{ref}/promote: roll out on one channel what another one has proved."""

    from_: str
    to: str
    reason: Reason
    #: also if it is not golden in `from`, or no rollout of it was completed there
    anyway: bool = False

"""What a device answers to a parcel that is brought by hand: `pyv-edge-agent apply --json`, read by `push ssh`.

Every field but `outcome` and `said` may be missing: an older agent says less, and a refusal needs no more.
"""

from __future__ import annotations

import msgspec

from pyvorin_edge.identity import Digest
from pyvorin_edge.report import Result
from pyvorin_edge.vocabulary import ParcelOutcome, Phase, WaitingFor, Would


class Carried(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a parcel, and how the device stands: now, or with --wait when it settled."""

    outcome: ParcelOutcome
    #: for a person
    said: str
    device_id: str | None = None
    #: of the agent that runs; none = none runs
    boot_id: str | None = None
    channel: str | None = None
    generation: int = 0
    #: config hash of the live file
    config_hash: str | None = None
    health: str | None = None
    #: the release that it had committed before; none = none, or the provisioned config
    was: Digest | None = None
    #: digest of the overlay that it had committed before, and of the one that it has now
    was_overlay: Digest | None = None
    overlay: Digest | None = None
    wanted: Digest | None = None
    attempt: int | None = None
    committed: Digest | None = None
    version: str | None = None
    phase: Phase | None = None
    waiting_for: WaitingFor | None = None
    #: of its last update
    result: Result | None = None


class ChangeSeen(msgspec.Struct, frozen=True, kw_only=True):
    """One key path of the config file, now and then; JSON, none = there is none. Secrets are hidden."""

    path: str
    now: str | None
    then: str | None


class Foreseen(msgspec.Struct, frozen=True, kw_only=True):
    """What would come of a parcel (`--check`); nothing was taken."""

    outcome: ParcelOutcome
    #: why, for a person
    said: str
    would: Would
    device_id: str | None = None
    #: the release that it would work towards; none = none, or none that is known there
    version: str | None = None
    #: of the live file against the ordered config; none = the ordered config is not known there
    changes: tuple[ChangeSeen, ...] | None = None
    #: SHA-256 of the archive that `--bundle` must bring, unless it is fetched
    lacks_bundle: str | None = None

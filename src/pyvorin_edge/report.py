"""What a device says of itself: report, beat, presence (PROTOCOL 6). Times are Unix milliseconds."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from pyvorin_edge.identity import ChannelName, DeviceId, Digest
from pyvorin_edge.vocabulary import (
    Cause,
    Clock,
    DriftKind,
    Outcome,
    Phase,
    PresenceState,
    Refusal,
    ResponseOutcome,
    Standing,
    WaitingFor,
)

PATHS_MAX = 32
#: what a database's signed 64 bits hold: more would be a report that can be read and not stored
Number = Annotated[int, Meta(ge=0, le=2**63 - 1)]
ShortText = Annotated[str, Meta(max_length=512)]


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """What the process runs now. `release` none = the provisioned config."""

    release: Digest | None
    version: ShortText | None
    #: of the declared live document (PROTOCOL 7); none if it cannot be read
    config_hash: str | None
    effective_hash: str | None
    form: str


class TargetName(msgspec.Struct, frozen=True, kw_only=True):
    """What the device works towards."""

    release: Digest
    overlay: Digest
    attempt: Number


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """How the last target ended; repeated in every report until the next one."""

    release: Digest
    overlay: Digest
    attempt: Number
    outcome: Outcome
    code: Cause | None
    detail: ShortText
    at: Number


class DriftState(msgspec.Struct, frozen=True, kw_only=True):
    """Drift and lag as the device sees them."""

    standing: Standing
    kinds: tuple[DriftKind, ...] = ()
    applied_hash: str | None = None
    live_hash: str | None = None
    #: JSON Pointers that differ between applied and live, never values
    paths: Annotated[tuple[ShortText, ...], Meta(max_length=PATHS_MAX)] = ()
    #: how many paths beyond those
    more: Number = 0
    since: Number | None = None


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """The last order that the device refused."""

    order: ShortText
    code: Refusal
    detail: ShortText
    at: Number


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The whole state of a device; ordered by (incarnation, boot, seq)."""

    v: Literal[1]
    device_id: DeviceId
    incarnation: Number
    #: a counter fsynced at start
    boot: Number
    #: random at each start
    boot_id: ShortText
    #: connection counter within the boot
    conn: Number
    #: one counter for reports and beats within the boot
    seq: Number
    at: Number
    clock: Clock
    agent_version: ShortText
    #: protocol versions understood
    speaks: tuple[int, ...]
    caps: tuple[ShortText, ...]
    channel: ChannelName | None
    epoch: Number
    #: of the directive in force; 0 = none
    generation: Number
    #: of the assignment in force; 0 = none
    number: Number
    #: version of the trust document; 0 = the anchor alone
    trust: Number
    running: Running
    target: TargetName | None
    phase: Phase
    waiting_for: WaitingFor | None
    result: Result | None
    drift: DriftState
    refused: Refused | None
    floor: Number
    #: the whole /health document
    health: dict[str, Any]


class Beat(msgspec.Struct, frozen=True, kw_only=True):
    """The short form between two reports."""

    b: Number
    c: Number
    s: Number
    #: seq of the last full report
    of: Number
    #: [cpu %, ram %, disk %, temperature C, queue depth]; null where it cannot be read
    m: tuple[float | None, float | None, float | None, float | None, Number | None]


class Presence(msgspec.Struct, frozen=True, kw_only=True):
    """Birth, goodbye and last will, retained."""

    state: PresenceState
    device_id: DeviceId
    boot: Number
    boot_id: ShortText
    conn: Number
    at: Number


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a request; unsigned."""

    v: Literal[1]
    request_id: str
    device_id: DeviceId
    outcome: ResponseOutcome
    code: Refusal | None
    #: `snapshot`: config (redacted), live_hash; `logs`: lines; refused or failed: detail, for people
    body: dict[str, Any]


class Join(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `GET /v1/devices/{id}/join` after enrolment (PROTOCOL 2)."""

    v: Literal[1]
    fleet: str
    #: 64 hex: the root key, as in the article's trust_anchor.json
    trust_anchor: str
    #: all trust documents in order, as text
    trust: tuple[str, ...]
    #: the assignment's envelope, as text
    assignment: str
    incarnation: Number
    epoch: Number
    #: lower bounds: directives below `generation` and assignments below `number` are not taken
    generation: Number
    number: Number
    link: JoinLink


class JoinLink(msgspec.Struct, frozen=True, kw_only=True):
    """Where the fleet is."""

    #: `host:port`
    mqtt: tuple[str, ...]
    http: tuple[str, ...]
    #: server CAs in PEM
    ca_pem: tuple[str, ...]

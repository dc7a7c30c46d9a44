"""What the API says and takes: one struct an answer or a body. API, client, CLI and page share them; times RFC 3339."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import Meta

from pyv_fleet.core.polling import PolledView
from pyv_fleet.core.words import ActOutcome, AlertState, RolloutState, Verdict, WaveState
from pyvorin_edge.orders import BundleRef
from pyvorin_edge.vocabulary import (
    ConfigFormat,
    Connectivity,
    DriftKind,
    DriftPolicy,
    HealthStatus,
    LagKind,
    Outcome,
    Phase,
    RuleKind,
    Standing,
    WaitingFor,
)

T = TypeVar("T")
Reason = Annotated[str, Meta(min_length=1, max_length=512)]


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One page of a list; `next` is the key to ask for as `?after=`, none at the end."""

    items: tuple[T, ...]
    next: str | None = None
    #: how many match in all
    total: int


class FleetView(msgspec.Struct, frozen=True, kw_only=True):
    """The fleet as a whole."""

    name: str
    #: 64 hex, as in trust_anchor.json
    root_key: str
    trust_version: int
    epoch: int
    devices: int
    channels: tuple[str, ...]
    article_channel: str | None
    broker: str
    api: str
    #: of the managed broker while it runs
    broker_pid: int | None = None


class ResultView(msgspec.Struct, frozen=True, kw_only=True):
    """How a device's last target ended."""

    release: str
    version: str | None
    attempt: int
    outcome: Outcome
    code: str | None
    detail: str
    at: dt.datetime


class DriftView(msgspec.Struct, frozen=True, kw_only=True):
    """Drift and lag of one device; paths are JSON Pointers, never values."""

    device_id: str
    standing: Standing
    kinds: tuple[DriftKind, ...]
    lag: LagKind | None
    golden_hash: str | None
    applied_hash: str | None
    live_hash: str | None
    paths: tuple[str, ...]
    more: int
    since: dt.datetime | None


class DeviceView(msgspec.Struct, frozen=True, kw_only=True):
    """One device: connectivity, health, update and drift are four facts and never one word."""

    device_id: str
    channel: str
    labels: dict[str, str]
    connectivity: Connectivity
    last_seen: dt.datetime | None
    health_status: HealthStatus
    health: dict[str, Any]
    phase: Phase | None
    waiting_for: WaitingFor | None
    release: str | None
    version: str | None
    target: str | None
    generation: int
    result: ResultView | None
    drift: DriftView
    agent_version: str | None
    boot: int
    incarnation: int
    enrolled_at: dt.datetime
    #: none unless an operator gave an address to poll
    polled: PolledView | None = None
    #: why it needs attention, in sentences; empty = it does not
    attention: tuple[str, ...] = ()


class SnapshotDevice(msgspec.Struct, frozen=True, kw_only=True):
    """The article's `Device`."""

    device_id: str
    ip: str
    port: int
    last_seen: float | None
    health: dict[str, Any]
    healthy: bool


class SnapshotView(msgspec.Struct, frozen=True, kw_only=True):
    """The article's `FleetSnapshot`, field by field, from what devices report."""

    timestamp: float
    total_devices: int
    healthy_count: int
    unhealthy_count: int
    unreachable_count: int
    avg_cpu: float | None
    avg_disk: float | None
    max_queue_depth: int
    devices: tuple[SnapshotDevice, ...]


class AttentionView(msgspec.Struct, frozen=True, kw_only=True):
    """A device that needs a person, and why."""

    device_id: str
    causes: tuple[str, ...]


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


class RuleView(msgspec.Struct, frozen=True, kw_only=True):
    """One rule of a channel's directive, for people."""

    kind: RuleKind
    version: str
    release: str
    attempt: int
    #: "all", "1 device", "kind=real …"
    matches: str


class ChannelView(msgspec.Struct, frozen=True, kw_only=True):
    """A channel and its directive."""

    name: str
    generation: int
    #: what every device without a running rollout should run: digest and version of the last rule
    golden: str | None
    golden_version: str | None
    last_good: str | None
    rules: tuple[RuleView, ...]
    devices: int
    drift_policy: DriftPolicy
    rollout: str | None


class ChannelBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of PUT /v1/channels/{name}: the channel's standing terms."""

    drift_policy: DriftPolicy = DriftPolicy.ALERT
    beat_seconds: Annotated[int, Meta(ge=0, le=86_400)] = 60
    report_seconds: Annotated[int, Meta(ge=1, le=86_400)] = 900
    keepalive_seconds: Annotated[int, Meta(ge=5, le=65_535)] = 60
    settle_seconds: Annotated[int, Meta(ge=0, le=3_600)] = 10


class ChannelVerb(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /v1/channels/{name}/refresh."""

    reason: Reason


class Budgets(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many devices of a wave may go wrong, in permyriad of the wave; 0 = none."""

    failed_permyriad: Annotated[int, Meta(ge=0, le=10_000)] = 0
    reverted_permyriad: Annotated[int, Meta(ge=0, le=10_000)] = 0
    unhealthy_permyriad: Annotated[int, Meta(ge=0, le=10_000)] = 200
    lost_permyriad: Annotated[int, Meta(ge=0, le=10_000)] = 200


class RolloutSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /v1/rollouts. A wave is written `1%`, `20`, `kind=real`, or `kind=real:1` (where, count)."""

    channel: str
    #: digest or version
    release: str
    waves: Annotated[tuple[str, ...], Meta(min_length=1, max_length=14)] = ("1%", "100%")
    soak_seconds: Annotated[int, Meta(ge=0, le=604_800)] = 60
    #: a wave that is not judged good within this long is inconclusive
    deadline_seconds: Annotated[int, Meta(ge=1, le=2_592_000)] = 3_600
    spread_seconds: Annotated[int, Meta(ge=0, le=86_400)] = 0
    budgets: Budgets = Budgets()
    #: digest or version that the rest stays on; none = the channel's golden. Must be named while a hold stands
    baseline: str | None = None
    #: whether it takes the place of a rollout that has not ended; else that is a 409
    supersede: bool = False
    reason: Reason


class WaveView(msgspec.Struct, frozen=True, kw_only=True):
    """One wave of a rollout and how its devices do."""

    index: int
    cohort: str
    state: WaveState
    devices: int
    committed: int
    healthy: int
    failed: int
    reverted: int
    unhealthy: int
    lost: int
    deferred: int
    verdict: Verdict | None
    #: what was seen, in a sentence
    because: str
    started_at: dt.datetime | None
    judged_at: dt.datetime | None


class RolloutView(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout."""

    id: str
    channel: str
    release: str
    version: str
    baseline: str | None
    baseline_version: str | None
    state: RolloutState
    wave: int
    waves: tuple[WaveView, ...]
    #: why it stands where it stands, in one sentence
    because: str
    reason: str
    created_by: str
    created_at: dt.datetime
    ended_at: dt.datetime | None


class RolloutVerb(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /v1/rollouts/{id}/{pause|resume|abort}; abort reverts unless `stay`."""

    reason: Reason
    stay: bool = False


class RollbackSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /v1/rollbacks: one directive a channel. `to` is a version, a digest or `last-good`."""

    to: str
    #: these; or `all`, said in so many words: a blank must never mean the whole fleet
    channels: tuple[str, ...] = ()
    all: bool = False
    reason: Reason
    #: refused with 409 if the devices resolved are not so many; none = do not check
    expect_count: int | None = None
    #: only say what it would touch
    dry_run: bool = False


class RollbackView(msgspec.Struct, frozen=True, kw_only=True):
    """A rollback and its acknowledgements: settled on the target at that generation or later."""

    id: str
    to_version: str
    channels: tuple[str, ...]
    devices: int
    online: int
    acknowledged: int
    #: online devices that have not acknowledged yet
    missing: tuple[str, ...]
    #: seconds from publishing to the first, the median and the last acknowledgement
    first_seconds: float | None
    median_seconds: float | None
    last_seconds: float | None
    started_at: dt.datetime
    done: bool


class TokenSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /v1/tokens: an enrolment token, one-time or counted."""

    uses: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    channel: str = "stable"
    labels: dict[str, str] = {}
    #: bound to this id: may replace its key (a reflashed card)
    device_id: str | None = None
    valid_seconds: Annotated[int, Meta(ge=60, le=31_536_000)] = 86_400


class TokenMade(msgspec.Struct, frozen=True, kw_only=True):
    """The only time that a token is shown."""

    id: str
    token: str
    expires_at: dt.datetime


class RemediateBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /v1/drift/remediate; empty = all drifted devices."""

    device_ids: tuple[str, ...] = ()
    reason: Reason


class DeviceOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an act on one device."""

    device_id: str
    outcome: ActOutcome
    detail: str = ""


class DriftDiff(msgspec.Struct, frozen=True, kw_only=True):
    """Golden against live by key path, secrets redacted; `golden` or `live` absent where the key is not there."""

    pointer: str
    golden: Any = None
    live: Any = None


class DeviceDrift(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of GET /v1/devices/{id}/drift; `diffs` empty if the device did not answer in time."""

    drift: DriftView
    diffs: tuple[DriftDiff, ...] = ()


class AlertView(msgspec.Struct, frozen=True, kw_only=True):
    """An alert."""

    id: str
    name: str
    device_id: str | None
    state: AlertState
    detail: str
    verified: bool
    raised_at: dt.datetime
    resolved_at: dt.datetime | None


class AuditView(msgspec.Struct, frozen=True, kw_only=True):
    """One act of a person or of the controller itself."""

    seq: int
    at: dt.datetime
    actor: str
    act: str
    subject: str
    reason: str


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """RFC 9457 problem details; `errors` names each field that is wrong."""

    title: str
    status: int
    detail: str = ""
    type: str = "about:blank"
    errors: tuple[str, ...] = ()

"""The signed orders and the one function that both sides ask what a device should run (PROTOCOL 5)."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
from msgspec import Meta

from pyvorin_edge import wire
from pyvorin_edge.canonical import config_hash
from pyvorin_edge.errors import PyvorinError, WireError
from pyvorin_edge.identity import ChannelName, DeviceId, Digest, FleetName, digest_of, order_hash
from pyvorin_edge.vocabulary import ConfigFormat, DriftPolicy, HealthStatus, Refusal, RuleKind, Verb, Weekday

#: never blank: a field that is there and says nothing is malformed (PROTOCOL 5, limits)
Text = Annotated[str, Meta(min_length=1, max_length=512, pattern=r"\S")]
# `$` alone would let a line feed pass at the end; `(?!\n)` closes it, in JSON Schema's dialect too.
HexDigest = Annotated[Digest, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
Fleet = Annotated[FleetName, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$(?!\n)")]
Channel = Annotated[ChannelName, Meta(pattern=r"^[a-z0-9-]{1,32}$(?!\n)")]
Device = Annotated[DeviceId, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$(?!\n)")]
Millis = Annotated[int, Meta(ge=0, le=2**53)]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Seconds = Annotated[int, Meta(ge=0, le=10_000_000)]
#: a gigabyte a second: beyond it a limit says nothing; 0 = no limit
BytesPerSecond = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Percent = Annotated[float, Meta(ge=0, le=100)]
ClockTime = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$(?!\n)")]
Labels = Annotated[dict[str, Text], Meta(max_length=16)]

#: fields within an order's parts that `crit` may name, besides the order's own
_CRIT_WITHIN: Final = ("turn",)
EMPTY_OVERLAY: Final = Digest("44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")


class OrderError(PyvorinError):
    """A signed payload that this version cannot obey: malformed, or unsupported; the message names the field."""

    def __init__(self, code: Refusal, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class Rule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a directive: which devices, which release; the first that matches counts."""

    kind: RuleKind
    release: HexDigest
    #: per release over the whole fleet; a rollback's is higher than any before
    attempt: Count
    spread_seconds: Seconds = 0
    #: only devices that hold the release already, committed or proving
    hold: bool = False
    ids: Annotated[tuple[Device, ...], Meta(min_length=1, max_length=32)] | None = None
    #: every label named, any of its values; labels of the assignment
    where: dict[str, tuple[str, ...]] | None = None
    salt: Text | None = None
    #: each device begins only when its assignment grants it its turn (ADR 0023)
    turn: bool = False
    #: 16 hex: order hashes that sort lower are in
    below: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$(?!\n)")] | None = None

    @property
    def open_to_all(self) -> bool:
        """Whether every device matches: the last rule of a directive must."""
        return not self.hold and self.ids is None and self.where is None and self.below is None


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How often devices speak and how they come back; in force on accept, keepalive at the next connect."""

    #: 0 = no beats
    beat_seconds: Seconds = 60
    report_seconds: Annotated[int, Meta(ge=1, le=86_400)] = 900
    keepalive_seconds: Annotated[int, Meta(ge=5, le=65_535)] = 60
    reconnect_seconds: Seconds = 5
    settle_seconds: Seconds = 10
    #: the most that a device's downloads of bundles take; 0 = no limit
    download_bytes_per_second: BytesPerSecond = 0


class WindowSpan(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """Days and hours in the assignment's time zone; may cross midnight."""

    days: Annotated[tuple[Weekday, ...], Meta(min_length=1, max_length=7)]
    from_: ClockTime
    to: ClockTime


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """When a device may activate and download; none = always."""

    activate: WindowSpan | None = None
    download: WindowSpan | None = None


class Ignored(msgspec.Struct, frozen=True, kw_only=True):
    """A key path whose drift is not reported, why, and until when (Unix ms)."""

    pointer: Annotated[str, Meta(pattern="^/", max_length=256)]
    reason: Text
    until: Millis


class DriftTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel does about drift."""

    policy: DriftPolicy = DriftPolicy.ALERT
    ignore: Annotated[tuple[Ignored, ...], Meta(max_length=16)] = ()


class OwnDriftTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What one device does about drift: before its channel's policy, and beside what its channel ignores."""

    #: none = as the channel says
    policy: DriftPolicy | None = None
    ignore: Annotated[tuple[Ignored, ...], Meta(max_length=16)] = ()


class Directive(msgspec.Struct, frozen=True, kw_only=True):
    """The signed, retained order of a channel; its only desired state."""

    v: Literal[1]
    fleet: Fleet
    channel: Channel
    epoch: Count
    generation: Annotated[int, Meta(ge=1, le=2**63 - 1)]
    rules: Annotated[tuple[Rule, ...], Meta(min_length=1, max_length=16)]
    pace: Pace
    drift: DriftTerms
    issued_at: Millis
    expires_at: Millis
    reason: Text
    issued_by: Text
    window: Window | None = None
    #: what the whole channel may go back to, as the controller knows it; for `rollback --offline-key`, not for devices
    last_good: HexDigest | None = None
    crit: tuple[str, ...] = ()


class Pin(msgspec.Struct, frozen=True, kw_only=True):
    """One device's own release, before all rules."""

    release: HexDigest
    attempt: Count
    kind: RuleKind


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """One device's turn to begin a release that the rules hand out in turns; it counts for that attempt alone."""

    release: HexDigest
    attempt: Count


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """The signed, retained order for one device: its channel, labels, overlay, pin."""

    v: Literal[1]
    fleet: Fleet
    epoch: Count
    device_id: Device
    number: Count
    channel: Channel
    issued_at: Millis
    issued_by: Text
    #: directives of the channel below it do not count
    min_generation: Count = 0
    labels: Labels = {}
    #: RFC 7396 merge patch on the release's config
    overlay: dict[str, Any] = {}
    pin: Pin | None = None
    turn: Grant | None = None
    #: none = as the channel says (ADR 0033)
    drift: OwnDriftTerms | None = None
    tz: Text = "UTC"
    crit: tuple[str, ...] = ()


class ConfigRef(msgspec.Struct, frozen=True, kw_only=True):
    """Which config bytes a release names."""

    sha256: HexDigest
    #: bytes
    size: Annotated[int, Meta(ge=1, le=wire.BLOB_BYTES_MAX)]
    format: ConfigFormat


class BundleRef(msgspec.Struct, frozen=True, kw_only=True):
    """Which bundle a release names."""

    name: Text
    version: Text
    manifest_sha256: HexDigest
    sha256: HexDigest
    #: bytes
    size: Annotated[int, Meta(ge=1)]


class Require(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a device's health must show for the gate; none = not asked."""

    health: HealthStatus | None = None
    adapters_connected: Literal["all"] | Annotated[int, Meta(ge=0)] | None = None
    max_cpu_percent: Percent | None = None
    max_ram_percent: Percent | None = None
    max_queue_depth: Count | None = None


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """The device's own test of a release: good within, and then for, so many seconds."""

    within_seconds: Annotated[int, Meta(ge=1, le=86_400)] = 60
    hold_seconds: Annotated[int, Meta(ge=0, le=86_400)] = 10
    require: Require = Require(health=HealthStatus.HEALTHY, adapters_connected="all")


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """An immutable pair of config and bundle; its digest is the SHA-256 of its signed payload."""

    v: Literal[1]
    fleet: Fleet
    version: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$(?!\n)")]
    config: ConfigRef
    golden_hash: HexDigest
    form: Literal["sorted-json-1"]
    bundle: BundleRef | None = None
    #: JSON Pointers that an overlay may set
    open: tuple[str, ...] = ()
    security: Count = 0
    floor: Count = 0
    gate: Gate = Gate()
    crit: tuple[str, ...] = ()


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A one-time question or act for one device, or a call for reports to a whole shard."""

    v: Literal[1]
    fleet: Fleet
    epoch: Count
    request_id: Text
    verb: Verb
    issued_at: Millis
    expires_at: Millis
    device_id: Device | None = None
    shard: Annotated[str, Meta(pattern=r"^[0-9]{2}$(?!\n)")] | None = None
    args: dict[str, Any] = {}
    boot_id: str | None = None
    spread_seconds: Seconds = 0
    crit: tuple[str, ...] = ()


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """The same orders carried by hand, SSH or HTTP: documents as text, blobs in base64."""

    v: Literal[1]
    trust: tuple[str, ...] = ()
    directive: str | None = None
    assignment: str | None = None
    releases: tuple[str, ...] = ()
    blobs: tuple[str, ...] = ()


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What a device should run: (release, overlay). Attempts do not make targets differ."""

    release: Digest
    #: digest of the overlay's canonical form
    overlay: Digest
    attempt: int
    kind: RuleKind
    spread_seconds: int = 0
    #: it is begun only in its turn
    turn: bool = False

    def same_as(self, other: Target | None) -> bool:
        """Equal by (release, overlay digest), not by attempt (PROTOCOL 5)."""
        return other is not None and (self.release, self.overlay) == (other.release, other.overlay)


Order = TypeVar("Order", Directive, Assignment, Release, Request)


def golden(
    device_id: str, directive: Directive | None, assignment: Assignment | None, held: frozenset[Digest]
) -> Target | None:
    """What a device should run now; none = unknown. Called by both sides (PROTOCOL 5, golden).

    `held` are the releases that the device holds already, committed or proving.
    """
    if assignment is None or directive is None or directive.channel != assignment.channel:
        return None
    if not meets_minimum(directive, assignment):
        return None
    overlay = overlay_digest(assignment.overlay)
    if (pin := assignment.pin) is not None:
        return Target(release=pin.release, overlay=overlay, attempt=pin.attempt, kind=pin.kind)
    rule = matching_rule(device_id, directive, assignment, held)
    return Target(
        release=rule.release, overlay=overlay, attempt=rule.attempt, kind=rule.kind,
        spread_seconds=rule.spread_seconds, turn=rule.turn,
    )  # fmt: skip


def matching_rule(device_id: str, directive: Directive, assignment: Assignment, held: frozenset[Digest]) -> Rule:
    """The first rule whose conditions all hold; the last one has none."""
    return next(rule for rule in directive.rules if matches(rule, device_id, assignment, held))


def matches(rule: Rule, device_id: str, assignment: Assignment, held: frozenset[Digest]) -> bool:
    """Whether every condition that the rule states holds for the device."""
    if rule.ids is not None and device_id not in rule.ids:
        return False
    if rule.where is not None and not all(
        assignment.labels.get(label) in values for label, values in rule.where.items()
    ):
        return False
    if rule.below is not None and order_hash(rule.salt or "", device_id) >= rule.below:
        return False
    return not rule.hold or rule.release in held


def meets_minimum(directive: Directive, assignment: Assignment) -> bool:
    """Rule 2 and golden: an earlier epoch never meets `min_generation`, a later one always does."""
    if directive.epoch != assignment.epoch:
        return directive.epoch > assignment.epoch
    return directive.generation >= assignment.min_generation


def overlay_digest(overlay: dict[str, Any] | None) -> Digest:
    """SHA-256 of the overlay's canonical form; none = `{}` = 44136fa3… (rule 10)."""
    return Digest(config_hash(overlay)) if overlay else EMPTY_OVERLAY


def release_digest(payload: bytes) -> Digest:
    """A release's digest: SHA-256 of its DSSE payload, so it can be signed again (PROTOCOL 4)."""
    return digest_of(payload)


def decode_order(payload: bytes, into: type[Order]) -> Order:
    """A verified payload as an order; OrderError `unsupported` or `malformed` names the field (PROTOCOL 5, limits)."""
    try:
        value = wire.loads_strict(payload, limit_bytes=wire.ORDER_BYTES_MAX)
    except WireError as why:
        raise OrderError(Refusal.MALFORMED, str(why)) from None
    if not isinstance(value, dict):
        raise OrderError(Refusal.MALFORMED, "an order is an object")
    _refuse_unknown_version(value, into)
    try:
        order = msgspec.convert(value, into)
    except msgspec.ValidationError as why:
        raise OrderError(_refusal_of(str(why)), str(why)) from None
    _refuse_inconsistent(order)
    return order


def encode_order(order: Directive | Assignment | Release | Request | Parcel) -> bytes:
    """The payload to sign: compact JSON."""
    return wire.encode(order)


def _refuse_unknown_version(value: dict[str, Any], into: type[msgspec.Struct]) -> None:
    if value.get("v") != 1 or isinstance(value.get("v"), bool):
        raise OrderError(Refusal.UNSUPPORTED, f"v: {value.get('v')!r} is not 1")
    crit = value.get("crit", [])
    # a list, not a set: what stands in `crit` may be unhashable
    known = (*into.__struct_encode_fields__, *(_CRIT_WITHIN if into is Directive else ()))
    unknown = [name for name in crit if name not in known] if isinstance(crit, list) else [crit]
    if unknown:
        raise OrderError(Refusal.UNSUPPORTED, f"crit: this version does not know {unknown[0]!r}")


def _refusal_of(message: str) -> Refusal:
    unknown_word = message.startswith(("Invalid enum value", "Object contains unknown field"))
    return Refusal.UNSUPPORTED if unknown_word else Refusal.MALFORMED


def _refuse_inconsistent(order: Directive | Assignment | Release | Request) -> None:
    match order:
        case Directive():
            _refuse_rules(order.rules)
        case Request():
            if (order.device_id is None) == (order.shard is None):
                raise OrderError(Refusal.MALFORMED, "device_id or shard: exactly one is required")
        case _:
            return


def _refuse_rules(rules: tuple[Rule, ...]) -> None:
    if not rules[-1].open_to_all:
        raise OrderError(Refusal.MALFORMED, f"rules[{len(rules) - 1}]: the last rule must have no conditions")
    for index, rule in enumerate(rules):
        if (rule.below is None) != (rule.salt is None):
            raise OrderError(Refusal.MALFORMED, f"rules[{index}]: salt and below stand together")
        if rule.where is not None and (not rule.where or not all(rule.where.values())):
            raise OrderError(Refusal.MALFORMED, f"rules[{index}].where: names at least one label, each with values")

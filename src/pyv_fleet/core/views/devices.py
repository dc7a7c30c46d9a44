"""Devices and their drift."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec

from pyv_fleet.core.polling import PolledView
from pyv_fleet.core.views.assignments import PinView
from pyv_fleet.core.views.page import Reason
from pyv_fleet.core.words import ActOutcome, AdoptWay
from pyvorin_edge.vocabulary import Connectivity, DriftKind, HealthStatus, LagKind, Outcome, Phase, Standing, WaitingFor


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
    #: when a device that lags was told what it should run
    told_at: dt.datetime | None = None
    #: when the device last said how it stands; none = never
    said_at: dt.datetime | None = None


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
    #: of its assignment
    number: int = 0
    pin: PinView | None = None
    #: JSON Pointers of what its overlay sets
    overlay: tuple[str, ...] = ()
    tz: str = "UTC"
    quarantined: bool = False
    #: why it needs attention, in sentences; empty = it does not
    attention: tuple[str, ...] = ()


class ValueSource(msgspec.Struct, frozen=True, kw_only=True):
    """Which layer gave a golden value, and who set it when; none = not known."""

    #: `release VERSION`, `group NAME` or `device`
    layer: str
    set_by: str | None = None
    set_at: dt.datetime | None = None
    reason: str | None = None
    #: git commit of the release's files
    commit: str | None = None


class DriftDiff(msgspec.Struct, frozen=True, kw_only=True):
    """Golden, last applied and live by key path, secrets redacted; null where the key is not there, or not known.

    Live against applied is drift, applied against golden is lag.
    """

    pointer: str
    golden: Any = None
    applied: Any = None
    live: Any = None
    #: of the golden value; none = golden has no such key
    source: ValueSource | None = None


class DeviceDrift(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of GET /v1/devices/{id}/drift; `diffs` empty if the device did not answer in time."""

    drift: DriftView
    diffs: tuple[DriftDiff, ...] = ()


class AdoptBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /v1/devices/{id}/drift/adopt: take over what the release opens, as the device's own values."""

    reason: Reason
    #: of the change that was looked at; 409 if the device's file is another by now
    live_hash: str
    #: go on though some key paths cannot be taken over: the device then writes over them
    partly: bool = False


class AdoptedView(msgspec.Struct, frozen=True, kw_only=True):
    """One key path of a device's own change."""

    pointer: str
    way: AdoptWay
    #: why it is refused; blank if it is not
    why: str
    golden: Any = None
    live: Any = None


class AdoptionView(msgspec.Struct, frozen=True, kw_only=True):
    """What a device's own change would be as the fleet's."""

    device_id: str
    channel: str
    #: of its assignment
    number: int
    live_hash: str
    #: what it runs: digest and version
    release: str
    version: str
    keys: tuple[AdoptedView, ...]
    #: the device's own values with what the release opens
    own: dict[str, Any]
    #: what a new release must change: a merge patch on the release's config
    patch: dict[str, Any]
    #: with all of it done the device is in step
    whole: bool
    #: its own values were set
    applied: bool = False


class RemediateBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /v1/drift/remediate; empty = all drifted devices."""

    device_ids: tuple[str, ...] = ()
    reason: Reason


class DeviceOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an act on one device."""

    device_id: str
    outcome: ActOutcome
    detail: str = ""

"""Devices and their drift."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec

from pyv_fleet.core.polling import PolledView
from pyv_fleet.core.views.assignments import PinView
from pyv_fleet.core.views.page import Reason
from pyv_fleet.core.words import ActOutcome
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


class DriftDiff(msgspec.Struct, frozen=True, kw_only=True):
    """Golden against live by key path, secrets redacted; `golden` or `live` absent where the key is not there."""

    pointer: str
    golden: Any = None
    live: Any = None


class DeviceDrift(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of GET /v1/devices/{id}/drift; `diffs` empty if the device did not answer in time."""

    drift: DriftView
    diffs: tuple[DriftDiff, ...] = ()


class RemediateBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /v1/drift/remediate; empty = all drifted devices."""

    device_ids: tuple[str, ...] = ()
    reason: Reason


class DeviceOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an act on one device."""

    device_id: str
    outcome: ActOutcome
    detail: str = ""

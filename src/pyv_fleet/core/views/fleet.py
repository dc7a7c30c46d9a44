"""The fleet as a whole: facts, snapshot, attention."""

from __future__ import annotations

from typing import Any

import msgspec

from pyv_fleet.core.words import CatchUp


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


class FleetStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Whether orders go out, and why not: a controller that starts catches up with its fleet first."""

    orders: CatchUp
    #: what is waited for, for people
    detail: str
    #: devices that are waited for, and those that have said what they hold
    expected: int
    heard: int
    #: what the broker held at the last start and the store did not know; empty if nothing
    taken: str
    #: of the alerts `store_behind` and `foreign_directive` that stand
    alerts: tuple[str, ...]


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

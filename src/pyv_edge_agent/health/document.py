"""The `/health` document (PROTOCOL 8) from its parts. A figure that cannot be read is absent, never null."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from pyvorin_edge.config.redaction import redact
from pyvorin_edge.vocabulary import BreakerState, HealthStatus

#: a report must hold the whole document
REASON_LETTERS_MAX: Final = 200


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """The machine's figures; none where one cannot be read."""

    cpu_percent: float | None = None
    ram_percent: float | None = None
    #: of the file system that holds the agent's state
    disk_percent: float | None = None
    #: degrees Celsius, the hottest sensor
    thermal_celsius: float | None = None
    #: seconds since the agent started
    uptime_seconds: float | None = None
    #: Unix seconds
    timestamp: float


class Agent(msgspec.Struct, frozen=True, kw_only=True):
    """The agent's own counters since its start."""

    running: bool
    #: readings taken and not yet in the queue
    buffer_count: int = 0
    readings_processed: int = 0
    #: rules that fired
    events_triggered: int = 0
    #: conditions that had no answer: a division by zero, text where a number is needed
    rules_undecided: int = 0
    #: items that a policy left out
    policy_left_out: int = 0


class Cloud(msgspec.Struct, frozen=True, kw_only=True):
    """The outbound queue."""

    queue_depth: int
    #: Unix seconds; none = never
    last_flush_time: float | None = None
    messages_sent_today: int = 0
    endpoint: str = ""
    #: failed tries of what waits
    total_retries: int = 0
    #: Unix seconds; none = nothing waits
    oldest_item_timestamp: float | None = None
    #: closed, open or half_open: whether it sends just now
    breaker: BreakerState = BreakerState.CLOSED
    #: why the last try failed; none after one that was taken
    last_error: str | None = None
    #: of what kind it is, a word of UploadFailure; none where that is not known
    last_failure: str | None = None
    #: what the cloud refused for good, kept on the device
    dead_letters: int = 0
    #: items that the bound on the queue pushed out, and such whose ttl was over
    evicted: int = 0
    expired: int = 0
    #: broken queue files that were set aside
    files_set_aside: int = 0


class Privacy(msgspec.Struct, frozen=True, kw_only=True):
    """What the privacy firewall did: names, never values."""

    enabled: bool
    rules_active: int
    fields_redacted: tuple[str, ...] = ()
    fields_hashed: tuple[str, ...] = ()
    #: how often each action was taken since the start
    counts: dict[str, int] = msgspec.field(default_factory=dict)


class Ingest(msgspec.Struct, frozen=True, kw_only=True):
    """The sensors."""

    adapters_connected: tuple[str, ...]
    devices_configured: int
    #: what came and was no reading
    readings_refused: int = 0
    #: readings that came faster than they were taken
    readings_dropped: int = 0
    #: why sensors are not connected, by name; at most 16 of them
    failures: Mapping[str, str] = {}


def status_of(ingest: Ingest, *, starting: bool = False, stopping: bool = False) -> HealthStatus:
    """The device's own word: healthy while every configured sensor is connected, unhealthy when none of them is."""
    if stopping:
        return HealthStatus.STOPPING
    if starting:
        return HealthStatus.STARTING
    connected = len(ingest.adapters_connected)
    if connected >= ingest.devices_configured:
        return HealthStatus.HEALTHY
    return HealthStatus.DEGRADED if connected else HealthStatus.UNHEALTHY


def cloud_of(queue: Mapping[str, Any], endpoint: str) -> Cloud:
    """From the queue's `get_stats`; an empty one while it cannot be read."""
    names = (
        "last_flush_time", "messages_sent_today", "total_retries", "oldest_item_timestamp", "breaker", "last_error",
        "last_failure", "dead_letters", "expired", "files_set_aside",
    )  # fmt: skip
    evicted = sum(queue.get("evicted", {}).values()) + queue.get("items_lost", 0)
    known = {name: queue[name] for name in names if name in queue}
    return Cloud(queue_depth=queue.get("depth", 0), endpoint=endpoint, evicted=evicted, **known)


def health_document(
    status: HealthStatus,
    *,
    metrics: Metrics,
    agent: Agent,
    cloud: Cloud,
    privacy: Privacy,
    ingest: Ingest,
    reasons: Sequence[str] = (),
    fleet: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The whole document.

    `reasons` say in a sentence each why it is not healthy, beside what the sensors show.
    `fleet` is {device_id, channel, release, generation, phase, config_hash, unsigned_allowed}.
    """
    document: dict[str, Any] = {
        "status": status.value,
        "timestamp": metrics.timestamp,
        "metrics": _known(metrics),
        "agent": _known(agent),
        "cloud": redact(_known(cloud)),  # an endpoint may hold a login
        "privacy": _known(privacy),
        "ingest": _known(ingest),
    }
    if reasons:
        document["reasons"] = [one[:REASON_LETTERS_MAX] for one in reasons]
    if fleet is not None:
        document["fleet"] = {key: item for key, item in fleet.items() if item is not None}
    return document


def _known(part: msgspec.Struct) -> dict[str, Any]:
    said: dict[str, Any] = msgspec.to_builtins(part)
    return {key: list(item) if isinstance(item, tuple) else item for key, item in said.items() if item is not None}

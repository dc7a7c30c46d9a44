"""Which devices need a person, and why, in sentences; four separate facts, each with its own cause (PROTOCOL 6)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from math import isfinite
from typing import Any, Final

from pyv_fleet.core.polling import PolledView, silent
from pyv_fleet.core.views import DeviceView
from pyvorin_edge.vocabulary import Connectivity, HealthStatus, LagKind, Outcome, Standing

MAX_QUEUE_DEPTH: Final = 5000
MAX_CPU_PERCENT: Final = 90.0


def causes(
    device: DeviceView,
    *,
    now: dt.datetime,
    max_queue_depth: int = MAX_QUEUE_DEPTH,
    max_cpu: float = MAX_CPU_PERCENT,
) -> tuple[str, ...]:
    """Why a device needs attention, the gravest first; empty = it does not. Limits as in the article."""
    found = [*_connectivity(device, now)]
    if device.connectivity is Connectivity.ONLINE:
        found += _polled(device.polled)
        found += [*_health(device.health_status, device.health), *figures(device.health, max_queue_depth, max_cpu)]
    return (*found, *_drift(device), *_update(device))


def figures(health: Mapping[str, Any], max_queue_depth: int, max_cpu: float) -> tuple[str, ...]:
    """Which figures of a health document are above their limits; what is no number is passed over."""
    found = []
    cpu = figure(health, "metrics", "cpu_percent")
    if cpu is not None and cpu > max_cpu:
        found.append(f"its CPU is at {cpu:g} %, above {max_cpu:g} %")
    depth = figure(health, "cloud", "queue_depth")
    if depth is not None and depth > max_queue_depth:
        found.append(f"its queue holds {depth:g} items, more than {max_queue_depth}")
    return tuple(found)


def figure(health: Mapping[str, Any], section: str, name: str) -> float | None:
    """A number out of a health document; none if it is absent, no finite number, or of another type (also a bool)."""
    part = health.get(section)
    value = part.get(name) if isinstance(part, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int):
        return float(value) if abs(value) < 2**63 else None
    return value if isfinite(value) else None


def _connectivity(device: DeviceView, now: dt.datetime) -> tuple[str, ...]:
    silent = "" if device.last_seen is None else f" {_span(now - device.last_seen)} ago"
    match device.connectivity:
        case Connectivity.OFFLINE:
            return (f"it is offline: it left, or its connection broke; last heard{silent}",)
        case Connectivity.LOST:
            return (f"it is lost: it hangs or its network is gone; last heard{silent}",)
        case Connectivity.NEVER_SEEN:
            return ("it is enrolled and was never heard",)
        case _:
            return ()


def _health(status: HealthStatus, health: Mapping[str, Any]) -> tuple[str, ...]:
    if status not in (HealthStatus.UNHEALTHY, HealthStatus.DEGRADED):
        return ()
    ingest = health.get("ingest")
    connected = ingest.get("adapters_connected") if isinstance(ingest, Mapping) else None
    configured = figure(health, "ingest", "devices_configured")
    if isinstance(connected, list) and configured is not None and len(connected) < configured:
        return (f"it is {status}: {len(connected)} of its {configured:g} sensors are connected",)
    reasons = health.get("reasons")
    said = "; ".join(str(one)[:200] for one in reasons[:3]) if isinstance(reasons, list) else ""
    return (f"it is {status}: {said or status.sentence}",)


def _polled(polled: PolledView | None) -> tuple[str, ...]:
    """MQTT calls it online and its /health fails: it hangs, or its network is half gone."""
    if polled is None or not silent(polled):
        return ()
    return (f"its /health cannot be read: {polled.outcome.sentence} ({polled.detail})",)


def _drift(device: DeviceView) -> tuple[str, ...]:
    if device.drift.standing not in (Standing.DRIFTED, Standing.BOTH):
        return ()
    where = ", ".join(device.drift.paths[:3]) or "where is not known"
    more = len(device.drift.paths) - 3 + device.drift.more
    kinds = "; ".join(kind.sentence for kind in device.drift.kinds) or "its live config is not what was applied"
    return (f"it drifted: {kinds} ({where}{f' and {more} more' if more > 0 else ''})",)


def _update(device: DeviceView) -> tuple[str, ...]:
    result = device.result
    if result is not None and result.outcome in (Outcome.FAILED, Outcome.REJECTED) and _still_matters(device):
        cause = f"{result.code}" if result.code else str(result.outcome)
        said = f" ({result.detail})" if result.detail else ""
        return (f"its update to {result.version or result.release[:12]} {result.outcome}: {cause}{said}",)
    if device.drift.lag is LagKind.OVERDUE:
        return ("its update is overdue",)
    return ()


def _still_matters(device: DeviceView) -> bool:
    """A failed try of what is no longer ordered is history: the fleet went back, the device is in step."""
    return device.drift.standing in (Standing.LAGGING, Standing.BOTH) or device.drift.lag is LagKind.FAILED


def _span(span: dt.timedelta) -> str:
    seconds = max(0, int(span.total_seconds()))
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"

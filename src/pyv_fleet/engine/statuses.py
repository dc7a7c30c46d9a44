"""What a report, a beat or a silence makes of a device's status. Pure: records in, records out."""

from __future__ import annotations

import math
from typing import Any

import msgspec
from msgspec.structs import replace

from pyv_fleet.core.hearing import Position, Previous
from pyv_fleet.store.status import StatusRecord
from pyvorin_edge.report import Beat, Report, Result
from pyvorin_edge.vocabulary import Connectivity, HealthStatus, Outcome, Phase

NUMBER_MAX = 2**53
PERCENT_MAX = 100.0
_HEALTH = {word.value: word for word in (HealthStatus.HEALTHY, HealthStatus.DEGRADED, HealthStatus.UNHEALTHY)}


def position_of(status: StatusRecord) -> Position:
    """The newest word that is known."""
    return Position(status.incarnation, status.boot, status.boot_id, status.seq)


def previous_of(status: StatusRecord) -> Previous:
    """The start before."""
    return Previous(status.before_boot_id, status.before_seq)


def after_report(status: StatusRecord, report: Report, now_ms: int, *, connected: bool) -> StatusRecord:
    """The status when this report counts; `connected` false if its connection is known to be over."""
    same_start = report.boot_id == status.boot_id
    committed_release, committed_overlay = _committed(status, report)
    health_status, figures = health_of(report.health), figures_of(report.health)
    result, target, drift = report.result, report.target, report.drift
    return replace(
        status,
        connectivity=Connectivity.ONLINE if connected else status.connectivity,
        last_seen=now_ms,
        incarnation=report.incarnation,
        boot=report.boot,
        boot_id=report.boot_id,
        conn=report.conn,
        seq=report.seq,
        report_seq=report.seq,
        reported_at=now_ms,
        before_boot_id=status.before_boot_id if same_start else status.boot_id,
        before_seq=status.before_seq if same_start else status.seq,
        clock=report.clock,
        agent_version=report.agent_version,
        caps=report.caps,
        channel=report.channel,
        epoch=report.epoch,
        generation=report.generation,
        number=report.number,
        trust=report.trust,
        floor=report.floor,
        running_release=report.running.release,
        running_version=report.running.version,
        running_hash=report.running.config_hash,
        effective_hash=report.running.effective_hash,
        committed_release=committed_release,
        committed_overlay=committed_overlay,
        target_release=None if target is None else target.release,
        target_overlay=None if target is None else target.overlay,
        target_attempt=None if target is None else target.attempt,
        phase=report.phase,
        waiting_for=report.waiting_for,
        waiting_since=_waiting_since(status, report, now_ms),
        **_result_columns(result),
        standing=drift.standing,
        drift_kinds=drift.kinds,
        drift_paths=drift.paths,
        drift_more=drift.more,
        drift_since=drift.since,
        applied_hash=drift.applied_hash,
        live_hash=drift.live_hash,
        refused=None if report.refused is None else msgspec.to_builtins(report.refused),
        health_status=health_status,
        health=report.health,
        **figures,
    )


def after_beat(status: StatusRecord, beat: Beat, now_ms: int, *, connected: bool) -> StatusRecord:
    """The status when this beat counts: heard now, and the five figures."""
    cpu, ram, disk, temperature, queue_depth = beat.m
    return replace(
        status,
        connectivity=Connectivity.ONLINE if connected else status.connectivity,
        last_seen=now_ms,
        conn=max(status.conn, beat.c),
        seq=beat.s,
        cpu_percent=_percent(cpu),
        ram_percent=_percent(ram),
        disk_percent=_percent(disk),
        temperature=_number(temperature),
        queue_depth=_count(queue_depth),
    )


def after_birth(status: StatusRecord, now_ms: int) -> StatusRecord:
    """The status when a device just connected; its report follows."""
    return replace(status, connectivity=Connectivity.ONLINE, last_seen=now_ms)


def after_end(status: StatusRecord) -> StatusRecord:
    """A will or goodbye took effect; a lost device stays lost, one never seen stays so."""
    if status.connectivity is not Connectivity.ONLINE:
        return status
    return replace(status, connectivity=Connectivity.OFFLINE)


def after_silence(status: StatusRecord) -> StatusRecord:
    """It fell silent without a word."""
    return replace(status, connectivity=Connectivity.LOST)


def health_of(health: dict[str, Any]) -> HealthStatus:
    """The device's own word; what is no word of ours, `starting` and `stopping` are unknown (PROTOCOL 8)."""
    return _HEALTH.get(str(health.get("status")), HealthStatus.UNKNOWN)


def figures_of(health: dict[str, Any]) -> dict[str, Any]:
    """The five figures from a /health document; what is absent, no number or impossible is none."""
    metrics, cloud = _section(health, "metrics"), _section(health, "cloud")
    return {
        "cpu_percent": _percent(metrics.get("cpu_percent")),
        "ram_percent": _percent(metrics.get("ram_percent")),
        "disk_percent": _percent(metrics.get("disk_percent")),
        "temperature": _number(metrics.get("thermal_celsius")),
        "queue_depth": _count(cloud.get("queue_depth")),
    }


def held_by(status: StatusRecord) -> frozenset[str]:
    """The releases that a device holds, committed or proving, as far as it said."""
    proving = status.target_release if status.phase is Phase.PROVING else None
    return frozenset(one for one in (status.committed_release, proving) if one is not None)


def _waiting_since(status: StatusRecord, report: Report, now_ms: int) -> int | None:
    """Another wait, or one for another target, begins anew."""
    if report.waiting_for is None:
        return None
    target = None if report.target is None else (report.target.release, report.target.attempt)
    same = status.waiting_for is report.waiting_for and (status.target_release, status.target_attempt) == target
    return status.waiting_since if same and status.waiting_since is not None else now_ms


def _committed(status: StatusRecord, report: Report) -> tuple[str | None, str | None]:
    """(release, overlay) of its last result `committed`; a settled device runs what it committed."""
    result = report.result
    if result is not None and result.outcome is Outcome.COMMITTED:
        return result.release, result.overlay
    running = report.running.release
    if report.phase is not Phase.SETTLED or running == status.committed_release:
        return status.committed_release, status.committed_overlay
    return running, status.result_overlay if running == status.result_release else None


def _result_columns(result: Result | None) -> dict[str, Any]:
    return {
        "result_release": None if result is None else result.release,
        "result_overlay": None if result is None else result.overlay,
        "result_attempt": None if result is None else result.attempt,
        "result_outcome": None if result is None else result.outcome,
        "result_code": None if result is None else result.code,
        "result_detail": None if result is None else result.detail,
        "result_at": None if result is None else result.at,
    }


def _section(health: dict[str, Any], name: str) -> dict[str, Any]:
    found = health.get(name)
    return found if isinstance(found, dict) else {}


def _percent(value: object) -> float | None:
    """One device's nonsense must not move the fleet's average (SECURITY)."""
    number = _number(value)
    return number if number is not None and 0.0 <= number <= PERCENT_MAX else None


def _count(value: object) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number >= 0 else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and abs(value) <= NUMBER_MAX else None

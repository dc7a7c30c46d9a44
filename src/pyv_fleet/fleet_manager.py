"""The article's FleetManager: poll devices' `/health`, sum it up, push parcels; its names kept, its traps mended.

Mended: a refusal, a timeout, a bad status and bad JSON each keep their kind (`Device.failure`); only who cannot be
reached is unreachable; `last_seen` is none until a device was seen; the time limit is for the whole answer; at most
64 KiB, and no redirect is followed; a figure that makes no sense is left out of the sums and named (`bad_fields`).
"""

from __future__ import annotations

import json
import logging
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from pyv_fleet.core.attention import MAX_CPU_PERCENT, MAX_QUEUE_DEPTH, figure, figures
from pyv_fleet.core.words import PollFailure
from pyv_fleet.link.device_http import HEALTH_BYTES_MAX, PollError, health_document, request
from pyvorin_edge.vocabulary import HealthStatus

logger = logging.getLogger(__name__)

PUSH_TIMEOUT_SECONDS: Final = 10.0
UNREACHABLE: Final = frozenset({PollFailure.REFUSED, PollFailure.TIMEOUT, PollFailure.NETWORK})
#: Figures that are summed up, and the most that each can be.
FIGURES: Final = {
    ("metrics", "cpu_percent"): 100.0,
    ("metrics", "disk_percent"): 100.0,
    ("cloud", "queue_depth"): float(2**31),
}


@dataclass
class Device:
    """One device at an address that an operator gave, and what its last poll showed."""

    device_id: str
    ip: str
    port: int = 8080
    #: Unix seconds of the last good answer; none until there was one
    last_seen: float | None = None
    #: the `/health` document; after a failed poll `{"status", "failure", "error"}`
    health: dict[str, Any] = field(default_factory=dict)
    healthy: bool = False
    #: why the last poll failed; none if it did not, or there was none
    failure: PollFailure | None = None
    #: figures that made no sense and are left out of the sums, as `metrics.cpu_percent`
    bad_fields: tuple[str, ...] = ()


@dataclass
class FleetSnapshot:
    """The fleet at one moment, field by field as in the article."""

    #: Unix seconds
    timestamp: float
    total_devices: int
    healthy_count: int
    #: answered, and not healthy; who was never polled too
    unhealthy_count: int
    #: no connection, or no whole answer in time
    unreachable_count: int
    #: percent over the devices that gave it; none if none did
    avg_cpu: float | None
    avg_disk: float | None
    max_queue_depth: int
    devices: list[Device]


class FleetManager:
    """Track health and configuration for a fleet of Edge devices, by polling them."""

    def __init__(
        self,
        devices: Sequence[Device],
        poll_timeout: float = 5.0,
        *,
        clock: Callable[[], float] = lambda: time.time_ns() / 1e9,
    ) -> None:
        """`poll_timeout`: seconds for a whole poll of one device, from the connection to the last byte."""
        self.devices = {device.device_id: device for device in devices}
        self.poll_timeout = poll_timeout
        self._clock = clock

    def poll_all(self, max_workers: int = 20) -> FleetSnapshot:
        """Poll every device in parallel and return a fleet snapshot."""
        with ThreadPoolExecutor(max_workers=max_workers) as pool:
            list(pool.map(self._poll_one, self.devices.values()))
        return self.snapshot()

    def snapshot(self) -> FleetSnapshot:
        """What the last polls showed, without polling."""
        devices = list(self.devices.values())
        unreachable = sum(1 for device in devices if device.failure in UNREACHABLE)
        healthy = sum(1 for device in devices if device.healthy)
        cpu, disk = _figures(devices, "metrics", "cpu_percent"), _figures(devices, "metrics", "disk_percent")
        return FleetSnapshot(
            timestamp=self._clock(),
            total_devices=len(devices),
            healthy_count=healthy,
            unhealthy_count=len(devices) - healthy - unreachable,
            unreachable_count=unreachable,
            avg_cpu=statistics.fmean(cpu) if cpu else None,
            avg_disk=statistics.fmean(disk) if disk else None,
            max_queue_depth=int(max(_figures(devices, "cloud", "queue_depth"), default=0)),
            devices=devices,
        )

    def devices_needing_attention(
        self, max_queue_depth: int = MAX_QUEUE_DEPTH, max_cpu: float = MAX_CPU_PERCENT
    ) -> list[Device]:
        """Return devices that are not healthy or exceed operational thresholds; `causes` says why."""
        return [device for device in self.devices.values() if causes(device, max_queue_depth, max_cpu)]

    def push_config(self, config_path: str, target_devices: Sequence[str] | None = None) -> dict[str, str]:
        """Push a file to devices via HTTP POST: `ok`, `http_<status>`, `unknown_device` or `error: <why>` for each.

        Our agents take a parcel there (PROTOCOL 8). None means all devices; an empty list means none.
        """
        ids = list(self.devices) if target_devices is None else list(target_devices)
        try:
            content = Path(config_path).read_bytes()
        except OSError as why:
            return dict.fromkeys(ids, f"error: {why}")
        with ThreadPoolExecutor(max_workers=20) as pool:
            return dict(zip(ids, pool.map(lambda device_id: self._push_one(device_id, content), ids), strict=True))

    def _poll_one(self, device: Device) -> None:
        try:
            answer = request(
                device.ip, device.port, "GET", "/health", seconds=self.poll_timeout, limit_bytes=HEALTH_BYTES_MAX
            )
            document = health_document(answer)
        except PollError as why:
            logger.warning("Health poll failed for %s: %s: %s", device.device_id, why.failure, why)
            status = "unreachable" if why.failure in UNREACHABLE else "bad_answer"
            device.healthy, device.failure, device.bad_fields = False, why.failure, ()
            device.health = {"status": status, "failure": why.failure.value, "error": str(why)}
            return
        device.health, device.bad_fields = _sensible(document)
        device.healthy = document["status"] == HealthStatus.HEALTHY and document["agent"]["running"]
        device.failure, device.last_seen = None, self._clock()

    def _push_one(self, device_id: str, content: bytes) -> str:
        device = self.devices.get(device_id)
        if device is None:
            return "unknown_device"
        kind, body = _multipart(content)
        try:
            answer = request(
                device.ip,
                device.port,
                "POST",
                "/config/reload",
                seconds=PUSH_TIMEOUT_SECONDS,
                limit_bytes=HEALTH_BYTES_MAX,
                body=body,
                headers={"Content-Type": kind},
            )
        except PollError as why:
            return f"error: {why.failure}: {why}"
        return "ok" if answer.status == 200 else f"http_{answer.status}"


def causes(device: Device, max_queue_depth: int = MAX_QUEUE_DEPTH, max_cpu: float = MAX_CPU_PERCENT) -> tuple[str, ...]:
    """Why a device needs attention, in sentences; empty = it does not."""
    if device.failure is not None:
        return (f"{device.failure.sentence}: {device.health.get('error', '')}",)
    if not device.health:
        return ("it was not polled yet",)
    found = () if device.healthy else (_unwell(device.health),)
    return (*found, *figures(device.health, max_queue_depth, max_cpu))


def export_metrics(snapshot: FleetSnapshot) -> bytes:
    """The article's gauges in Prometheus' text form; an average that is not known is left out, never an old one."""
    registry = CollectorRegistry()
    gauges: tuple[tuple[str, str, float | None], ...] = (
        ("pyvorin_fleet_healthy", "Number of healthy devices", snapshot.healthy_count),
        ("pyvorin_fleet_unhealthy", "Number of unhealthy devices", snapshot.unhealthy_count),
        ("pyvorin_fleet_unreachable", "Number of unreachable devices", snapshot.unreachable_count),
        ("pyvorin_fleet_avg_cpu", "Average CPU across fleet", snapshot.avg_cpu),
    )
    for name, meaning, value in gauges:
        if value is not None:
            Gauge(name, meaning, registry=registry).set(value)
    return generate_latest(registry)


def _sensible(document: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The document without figures that make no sense, and their names."""
    bad = [
        (section, name)
        for (section, name), most in FIGURES.items()
        if isinstance(document.get(section), dict) and name in document[section]
        if (value := figure(document, section, name)) is None or not 0 <= value <= most
    ]
    for section, name in bad:
        document[section] = {key: value for key, value in document[section].items() if key != name}
    return document, tuple(f"{section}.{name}" for section, name in bad)


def _figures(devices: Sequence[Device], section: str, name: str) -> list[float]:
    found = (figure(device.health, section, name) for device in devices)
    return [value for value in found if value is not None]


def _unwell(health: dict[str, Any]) -> str:
    if health.get("status") != HealthStatus.HEALTHY:
        return f"it says that it is {json.dumps(str(health.get('status'))[:64])}"
    return "its agent does not run"


def _multipart(content: bytes) -> tuple[str, bytes]:
    """One file in the field `config`, as the article sends it; the boundary does not stand in the content."""
    boundary = "pyvorin-config"
    while boundary.encode() in content:
        boundary += "-"
    head = (
        f"--{boundary}\r\n"
        'Content-Disposition: form-data; name="config"; filename="config"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return f"multipart/form-data; boundary={boundary}", head.encode() + content + f"\r\n--{boundary}--\r\n".encode()

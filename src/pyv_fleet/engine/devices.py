"""Devices as the API shows them: four facts each, and what a person should look at."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterable
from statistics import fmean

from msgspec.structs import replace

from pyv_fleet.core import attention
from pyv_fleet.core.polling import PollAddress
from pyv_fleet.core.views import (
    AttentionView,
    DeviceView,
    DriftView,
    Page,
    ResultView,
    SnapshotDevice,
    SnapshotView,
)
from pyv_fleet.engine.assignments import pin_view
from pyv_fleet.engine.errors import NotFound
from pyv_fleet.engine.goldens import Goldens, Look
from pyv_fleet.engine.ground import Ground, rfc3339, rfc3339_or_none
from pyv_fleet.engine.polls import Polls
from pyv_fleet.store import status
from pyv_fleet.store.status import Filter, Known, StatusRecord
from pyvorin_edge.config.layers import leaves
from pyvorin_edge.vocabulary import Connectivity, HealthStatus

MS_MAX = 253_402_300_799_000
"""The last millisecond of the year 9999: a device's clock may say anything."""


class Devices:
    """Looks at devices; changes nothing."""

    def __init__(self, ground: Ground, goldens: Goldens, polls: Polls) -> None:
        self._ground = ground
        self._goldens = goldens
        self._polls = polls

    async def get(self, device_id: str) -> DeviceView:
        """One device; NotFound."""
        async with self._ground.database.read() as connection:
            known = await status.get(connection, device_id)
            if known is None:
                raise NotFound("no such device", f"{device_id!r} is not enrolled")
            look = await self._goldens.look_at(connection, [known], self._ground.clock())
        return self._view(known, look)

    async def page(self, wanted: Filter, after: str | None, limit: int) -> Page[DeviceView]:
        """Those that match, by id."""
        async with self._ground.database.read() as connection:
            found, more, total = await status.find_page(connection, wanted, after, limit)
            look = await self._goldens.look_at(connection, found, self._ground.clock())
        items = tuple(self._view(known, look) for known in found)
        return Page(items=items, next=items[-1].device_id if more else None, total=total)

    async def every(self, wanted: Filter = Filter()) -> list[DeviceView]:  # noqa: B008 a frozen value
        """All that match, by id."""
        async with self._ground.database.read() as connection:
            found = await status.find(connection, wanted)
            look = await self._goldens.look_at(connection, found, self._ground.clock())
        return [self._view(known, look) for known in found]

    async def snapshot(self) -> SnapshotView:
        """The article's FleetSnapshot, from what devices report."""
        async with self._ground.database.read() as connection:
            found = await status.find(connection)
        return snapshot_of([known.status for known in found], self._ground.clock(), self._polls.address_of)

    async def attention(self, max_queue_depth: int, max_cpu: float) -> tuple[AttentionView, ...]:
        """Who needs a person, and why."""
        now = rfc3339(self._ground.clock())
        found = []
        for view in await self.every():
            causes = attention.causes(view, now=now, max_queue_depth=max_queue_depth, max_cpu=max_cpu)
            if causes:
                found.append(AttentionView(device_id=view.device_id, causes=causes))
        return tuple(found)

    def _view(self, known: Known, look: Look) -> DeviceView:
        view = replace(device_view(known, look), polled=self._polls.of(known.device.device_id))
        return replace(view, attention=attention.causes(view, now=rfc3339(look.now_ms)))


def device_view(known: Known, look: Look) -> DeviceView:
    """One device as it says; `polled` and `attention` stay empty here."""
    device, said = known
    return DeviceView(
        device_id=device.device_id,
        channel=device.channel,
        labels=device.labels,
        connectivity=said.connectivity,
        last_seen=rfc3339_or_none(said.last_seen),
        health_status=said.health_status,
        health=said.health,
        phase=said.phase,
        waiting_for=said.waiting_for,
        release=said.running_release,
        version=said.running_version or look.version(said.running_release),
        target=said.target_release,
        generation=said.generation,
        result=result_view(said, look),
        drift=drift_view(known, look),
        agent_version=said.agent_version,
        boot=max(said.boot, 0),
        incarnation=device.incarnation,
        enrolled_at=rfc3339(device.enrolled_at),
        number=device.number,
        pin=pin_view(device.pin, None if device.pin is None else look.version(device.pin["release"])),
        overlay=leaves(device.overlay),
        tz=device.tz,
        quarantined=device.quarantined,
    )


def drift_view(known: Known, look: Look) -> DriftView:
    """Drift as the device says it, lag as the controller sees it."""
    device, said = known
    target = look.target(known)
    lag = look.lag(known, target)
    return DriftView(
        device_id=device.device_id,
        standing=look.standing(known, target),
        kinds=said.drift_kinds,
        lag=lag,
        golden_hash=look.golden_hash(target),
        applied_hash=said.applied_hash,
        live_hash=said.live_hash,
        paths=said.drift_paths,
        more=said.drift_more,
        since=_device_time(said.drift_since),
        told_at=None if lag is None or target is None else rfc3339(look.told_at(known, target)),
        said_at=rfc3339_or_none(said.reported_at),
    )


def result_view(said: StatusRecord, look: Look) -> ResultView | None:
    """How the last target ended; none before the first."""
    if said.result_release is None or said.result_outcome is None:
        return None
    return ResultView(
        release=said.result_release,
        version=look.version(said.result_release),
        attempt=said.result_attempt or 0,
        outcome=said.result_outcome,
        code=said.result_code,
        detail=said.result_detail or "",
        at=_device_time(said.result_at) or dt.datetime.fromtimestamp(0, dt.UTC),
    )


def snapshot_of(
    statuses: list[StatusRecord], now_ms: int, address_of: Callable[[str], PollAddress | None]
) -> SnapshotView:
    """The article's sums: averages over the devices that answer; what is no number counts nowhere."""
    reached = [one for one in statuses if one.connectivity is Connectivity.ONLINE]
    healthy = sum(_healthy(one) for one in reached)
    return SnapshotView(
        timestamp=now_ms / 1000,
        total_devices=len(statuses),
        healthy_count=healthy,
        unhealthy_count=len(reached) - healthy,
        unreachable_count=len(statuses) - len(reached),
        avg_cpu=_mean(one.cpu_percent for one in reached),
        avg_disk=_mean(one.disk_percent for one in reached),
        max_queue_depth=max((one.queue_depth or 0 for one in reached), default=0),
        devices=tuple(_snapshot_device(one, address_of(one.device_id)) for one in statuses),
    )


def _snapshot_device(one: StatusRecord, address: PollAddress | None) -> SnapshotDevice:
    return SnapshotDevice(
        device_id=one.device_id,
        ip="" if address is None else address.host,
        port=_port(one) if address is None else address.port,
        last_seen=None if one.last_seen is None else one.last_seen / 1000,
        health=one.health,
        healthy=one.connectivity is Connectivity.ONLINE and _healthy(one),
    )


def _healthy(said: StatusRecord) -> bool:
    return said.health_status is HealthStatus.HEALTHY


def _port(said: StatusRecord) -> int:
    port = said.health.get("port")
    return port if isinstance(port, int) and 0 < port < 65_536 else 8080


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None and math.isfinite(value)]
    return fmean(known) if known else None


def _device_time(at_ms: int | None) -> dt.datetime | None:
    return None if at_ms is None else rfc3339(min(at_ms, MS_MAX))

"""`/metrics` in Prometheus text, and where Prometheus finds the fleet's devices."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Final

from litestar import Response, get
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from pyv_fleet.api.context import ApiContext, HasContext, HasDesk
from pyv_fleet.api.guards import may
from pyv_fleet.core.views import DriftReport, SnapshotView
from pyv_fleet.core.words import AlertName, AuthScope, PollOutcome, RolloutState
from pyvorin_edge.vocabulary import Connectivity, DriftKind, LagKind, Standing

KEPT_SECONDS: Final = 2.0
"""Figures are gathered at most so often, however often they are scraped."""
TEXT: Final = "text/plain; version=0.0.4"


@get("/metrics", opt=may(AuthScope.READ, loopback=True), media_type=TEXT)
async def metrics(context: HasContext) -> Response[bytes]:
    """The fleet's figures; without a token from loopback."""
    kept = context.metrics
    async with kept.lock:
        now = asyncio.get_running_loop().time()
        if now >= kept.until:
            kept.text = await _gather(context)
            kept.until = now + KEPT_SECONDS
    return Response(kept.text, media_type=TEXT)


@get("/v1/prometheus/targets", opt=may(AuthScope.READ, loopback=True))
async def targets(desk: HasDesk) -> list[dict[str, Any]]:
    """Prometheus `http_sd`: each device that is heard, at the address it was given."""
    found = await desk.snapshot()
    return [
        {"targets": [f"{one.ip}:{one.port}"], "labels": {"device_id": one.device_id}}
        for one in found.devices
        if one.ip and one.port
    ]


async def _gather(context: ApiContext) -> bytes:
    desk = context.desk
    registry = CollectorRegistry()
    _of_snapshot(registry, await desk.snapshot())
    await _by_word(registry, context)
    rollouts = await desk.rollouts(None, 100)
    gauge = Gauge("pyvorin_fleet_rollouts", "Rollouts by state, of the last hundred", ["state"], registry=registry)
    for state in RolloutState:
        gauge.labels(state.value).set(sum(one.state is state for one in rollouts.items))
    lag = Gauge("pyvorin_fleet_ingest_lag", "Messages of devices that wait to be stored", registry=registry)
    lag.set(context.backlog())
    registry.register(
        _Counted(
            "polls",
            "Polls of devices' /health since the controller's start, by how they went",
            "outcome",
            {word.value: context.polls().get(word, 0) for word in PollOutcome},
        )
    )
    registry.register(
        _Counted(
            "alerts_not_raised",
            "Alerts of the article's drift script that were none, by name",
            "name",
            {AlertName.CONFIG_DRIFT.value: 0, **context.not_raised()},
        )
    )
    _of_drift(registry, await desk.drifts.reports.recent())
    return generate_latest(registry)


class _Counted(Collector):
    """A count that was kept elsewhere: the library's own would tell when it was made, anew at each scrape."""

    def __init__(self, name: str, meaning: str, label: str, counts: Mapping[str, int]) -> None:
        self._name = f"pyvorin_fleet_{name}"
        self._meaning = meaning
        self._label = label
        self._counts = counts

    def collect(self) -> Iterable[CounterMetricFamily]:
        family = CounterMetricFamily(self._name, self._meaning, labels=[self._label])
        for value, count in self._counts.items():
            family.add_metric([value], count)
        yield family


def _of_snapshot(registry: CollectorRegistry, found: SnapshotView) -> None:
    for name, meaning, value in (
        ("total", "Devices enrolled", found.total_devices),
        ("healthy", "Devices heard and healthy", found.healthy_count),
        ("unhealthy", "Devices heard and not healthy", found.unhealthy_count),
        ("unreachable", "Devices not heard", found.unreachable_count),
        ("avg_cpu", "Mean CPU share of the devices heard, percent", found.avg_cpu),
        ("avg_disk", "Mean share of disk used of the devices heard, percent", found.avg_disk),
        ("max_queue_depth", "Deepest outbound queue of a device heard", found.max_queue_depth),
    ):
        if value is not None:
            Gauge(f"pyvorin_fleet_{name}", meaning, registry=registry).set(value)


async def _by_word(registry: CollectorRegistry, context: ApiContext) -> None:
    desk = context.desk
    known = Gauge("pyvorin_fleet_devices", "Devices by connectivity", ["connectivity"], registry=registry)
    for word in Connectivity:
        known.labels(word.value).set((await desk.devices(None, {}, word, None, None, 1)).total)
    drifted = [(await desk.devices(None, {}, None, word, None, 1)).total for word in (Standing.DRIFTED, Standing.BOTH)]
    Gauge("pyvorin_fleet_drifted", "Devices whose live config was changed", registry=registry).set(sum(drifted))


def _of_drift(registry: CollectorRegistry, report: DriftReport) -> None:
    """By channel, as the controller judges them; the whole fleet is the sum."""
    standing = Gauge(
        "pyvorin_fleet_standing", "Devices by channel and how they stand", ["channel", "standing"], registry=registry
    )
    lag = Gauge("pyvorin_fleet_lag", "Devices that lag, by channel and kind", ["channel", "kind"], registry=registry)
    drift = Gauge("pyvorin_fleet_drift", "Devices that drifted, by kind", ["kind"], registry=registry)
    for row in report.counts:
        if row.by == "channel":
            for word in Standing:
                standing.labels(row.name, word.value).set(getattr(row, word.value))
            for kind in LagKind:
                lag.labels(row.name, kind.value).set(getattr(row, kind.value))
    by_kind = {row.name: row.devices for row in report.counts if row.by == "kind"}
    for drift_kind in DriftKind:
        drift.labels(drift_kind.value).set(by_kind.get(drift_kind.value, 0))


ROUTES = (metrics, targets)

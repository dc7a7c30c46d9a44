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
from pyv_fleet.core.views import SnapshotView
from pyv_fleet.core.words import AuthScope, PollOutcome, RolloutState
from pyvorin_edge.vocabulary import Connectivity, Standing

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
    registry.register(_Polls(context.polls()))
    return generate_latest(registry)


class _Polls(Collector):
    """A count that was kept elsewhere: the library's own would tell when it was made, anew at each scrape."""

    def __init__(self, outcomes: Mapping[PollOutcome, int]) -> None:
        self._outcomes = outcomes

    def collect(self) -> Iterable[CounterMetricFamily]:
        meaning = "Polls of devices' /health since the controller's start, by how they went"
        family = CounterMetricFamily("pyvorin_fleet_polls", meaning, labels=["outcome"])
        for outcome in PollOutcome:
            family.add_metric([outcome.value], self._outcomes.get(outcome, 0))
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


ROUTES = (metrics, targets)

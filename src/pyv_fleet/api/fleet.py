"""The fleet as a whole: what it is, how it is, who needs a person."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import get
from litestar.params import QueryParameter

from pyv_fleet.api.context import HasContext, HasDesk
from pyv_fleet.api.guards import may
from pyv_fleet.core.views import AttentionView, FleetStatus, FleetView, SnapshotView
from pyv_fleet.core.words import AuthScope

QueueDepth = Annotated[int, QueryParameter(name="max_queue_depth", ge=0, description="deeper queues need attention")]
Cpu = Annotated[float, QueryParameter(name="max_cpu", ge=0, le=100, description="percent")]


@get("/v1/fleet", opt=may(AuthScope.READ))
async def fleet(context: HasContext) -> FleetView:
    """The fleet: its name, root key, trust version, addresses."""
    return msgspec.structs.replace(await context.desk.fleet(), broker_pid=context.broker_pid())


@get("/v1/fleet/status", opt=may(AuthScope.READ))
async def status(desk: HasDesk) -> FleetStatus:
    """Whether orders go out: a controller that starts reads the broker and hears its devices first."""
    return await desk.catching_up.status()


@get("/v1/fleet/snapshot", opt=may(AuthScope.READ))
async def snapshot(desk: HasDesk) -> SnapshotView:
    """The article's `FleetSnapshot`, from what devices report."""
    return await desk.snapshot()


@get("/v1/fleet/attention", opt=may(AuthScope.READ))
async def attention(desk: HasDesk, max_queue_depth: QueueDepth = 5000, max_cpu: Cpu = 90.0) -> list[AttentionView]:
    """Devices that need a person, each with its causes; most pressing first."""
    return list(await desk.attention(max_queue_depth, max_cpu))


ROUTES = (fleet, status, snapshot, attention)

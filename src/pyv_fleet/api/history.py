"""What devices and channels went through, the newest first."""

from __future__ import annotations

from litestar import get
from litestar.params import FromPath

from pyv_fleet.api.context import After, HasDesk, Limit
from pyv_fleet.api.guards import may
from pyv_fleet.core.views import HistoryPage
from pyv_fleet.core.words import AuthScope


@get("/v1/devices/{device_id:str}/history", opt=may(AuthScope.READ))
async def device_history(
    desk: HasDesk, device_id: FromPath[str], after: After = None, limit: Limit = 100
) -> HistoryPage:
    """A device's timeline: its words, alerts, and what people did with it."""
    return await desk.history.of_device(device_id, after, limit)


@get("/v1/channels/{name:str}/history", opt=may(AuthScope.READ))
async def channel_history(desk: HasDesk, name: FromPath[str], after: After = None, limit: Limit = 100) -> HistoryPage:
    """A channel's timeline: its orders, rollouts, alerts, and what people did with it."""
    return await desk.history.of_channel(name, after, limit)


ROUTES = (device_history, channel_history)

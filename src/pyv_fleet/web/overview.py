"""What the page shows, gathered once for all who look at the same moment."""

from __future__ import annotations

from typing import Final

import msgspec

from pyv_fleet.core.views import (
    AlertView,
    AttentionView,
    AuditView,
    ChannelView,
    DeviceView,
    Page,
    RollbackView,
    RolloutView,
    SnapshotView,
)
from pyv_fleet.engine.desk import Desk
from pyv_fleet.engine.errors import NotFound
from pyv_fleet.web.filter import DeviceFilter
from pyv_fleet.web.looks import Look

DEVICES_A_PAGE: Final = 25
RECORDS_SHOWN: Final = 6
ATTENTION_SHOWN: Final = 12


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """All of the page but the devices' table."""

    snapshot: SnapshotView
    channels: tuple[ChannelView, ...]
    rollout: RolloutView | None
    rollbacks: tuple[RollbackView, ...]
    attention: tuple[AttentionView, ...]
    attention_more: int
    alerts: tuple[AlertView, ...]
    audit: tuple[AuditView, ...]


class Gathering:
    """Looks at the fleet once for all viewers who ask while the look before is under way."""

    def __init__(self, desk: Desk) -> None:
        self._look = Look(lambda: _gather(desk))

    async def overview(self) -> Overview:
        """The fleet as it is."""
        return await self._look.now()


async def devices_of(desk: Desk, wanted: DeviceFilter, after: str | None) -> Page[DeviceView]:
    """One page of the devices that match."""
    if wanted.unknown is not None:
        return Page(items=(), total=0)
    if wanted.device_id is not None:
        try:
            return Page(items=(await desk.device(wanted.device_id),), total=1)
        except NotFound:
            return Page(items=(), total=0)
    return await desk.devices(
        wanted.channel, wanted.labels, wanted.connectivity, wanted.standing, after, DEVICES_A_PAGE
    )


async def _gather(desk: Desk) -> Overview:
    rollouts = await desk.rollouts(None, 1)
    attention = tuple(await desk.attention(5000, 90.0))
    return Overview(
        snapshot=await desk.snapshot(),
        channels=tuple(await desk.channels()),
        rollout=rollouts.items[0] if rollouts.items else None,
        rollbacks=desk.rollbacks.under_way(),
        attention=attention[:ATTENTION_SHOWN],
        attention_more=max(0, len(attention) - ATTENTION_SHOWN),
        alerts=(await desk.alerting.page(None, RECORDS_SHOWN)).items,
        audit=(await desk.audit(None, RECORDS_SHOWN)).items,
    )

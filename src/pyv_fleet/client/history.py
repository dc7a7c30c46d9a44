"""Histories of devices and channels."""

from __future__ import annotations

from collections.abc import Iterator

from pyv_fleet.client.transport import Transport, safe
from pyv_fleet.core import views


class Histories(Transport):
    """Calls about: histories."""

    def device_history(self, device_id: str) -> Iterator[views.HistoryView]:
        """A device's, the newest first."""
        yield from self.pages(f"/v1/devices/{safe(device_id)}/history", views.HistoryPage, {})

    def channel_history(self, name: str) -> Iterator[views.HistoryView]:
        """A channel's, the newest first."""
        yield from self.pages(f"/v1/channels/{safe(name)}/history", views.HistoryPage, {})

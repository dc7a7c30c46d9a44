"""The fleet as a whole."""

from __future__ import annotations

from pyv_fleet.client.transport import Transport
from pyv_fleet.core import views


class Fleet(Transport):
    """Calls about: the fleet as a whole."""

    def fleet(self) -> views.FleetView:
        """What the fleet is."""
        return self.get("/v1/fleet", views.FleetView)

    def fleet_status(self) -> views.FleetStatus:
        """Whether orders go out, and what is waited for."""
        return self.get("/v1/fleet/status", views.FleetStatus)

    def snapshot(self) -> views.SnapshotView:
        """The article's `FleetSnapshot`."""
        return self.get("/v1/fleet/snapshot", views.SnapshotView)

    def attention(self, *, max_queue_depth: int = 5000, max_cpu: float = 90.0) -> list[views.AttentionView]:
        """Devices that need a person."""
        query = {"max_queue_depth": max_queue_depth, "max_cpu": max_cpu}
        return self.get("/v1/fleet/attention", list[views.AttentionView], query)

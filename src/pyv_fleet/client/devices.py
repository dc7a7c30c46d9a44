"""Devices, and what one asks of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pyv_fleet.client.transport import Transport, safe
from pyv_fleet.core import views

DeviceList = views.Page[views.DeviceView]


class Devices(Transport):
    """Calls about: devices, and what one asks of them."""

    def devices(self, **query: Any) -> Iterator[views.DeviceView]:
        """All that match (channel, label, connectivity, standing), page by page."""
        yield from self.pages("/v1/devices", DeviceList, query)

    def device(self, device_id: str) -> views.DeviceView:
        """One device."""
        return self.get(f"/v1/devices/{safe(device_id)}", views.DeviceView)

    def assignment(self, device_id: str) -> views.AssignmentView:
        """What one device is told for itself."""
        return self.get(f"/v1/devices/{safe(device_id)}/assignment", views.AssignmentView)

    def change_device(self, device_id: str, patch: views.DevicePatch) -> views.AssignmentView:
        """Set its channel, labels, overlay, pin or time zone; what is left out stays."""
        return self.send("PATCH", f"/v1/devices/{safe(device_id)}", patch, views.AssignmentView)

    def quarantine(self, device_id: str, reason: str) -> views.AssignmentView:
        """Shut it out."""
        body = views.DeviceVerb(reason=reason)
        return self.send("POST", f"/v1/devices/{safe(device_id)}/quarantine", body, views.AssignmentView)

    def unquarantine(self, device_id: str, reason: str) -> views.AssignmentView:
        """Let it in again."""
        body = views.DeviceVerb(reason=reason)
        return self.send("POST", f"/v1/devices/{safe(device_id)}/unquarantine", body, views.AssignmentView)

    def count_devices(self, **query: Any) -> int:
        """How many match."""
        return self.get("/v1/devices", DeviceList, {**query, "limit": 1}).total

    def request(self, device_id: str, verb: str, args: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Ask one device; its response."""
        body = {"verb": verb, "args": dict(args or {})}
        return self.send("POST", f"/v1/devices/{safe(device_id)}/requests", body, dict[str, Any])

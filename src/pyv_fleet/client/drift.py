"""Drift: who drifted, what is ignored, and back."""

from __future__ import annotations

from typing import Any

from pyv_fleet.client.transport import Transport, safe
from pyv_fleet.core import views


class Drift(Transport):
    """Calls about: drift and lag."""

    def drift(self, **query: Any) -> list[views.DriftView]:
        """Every device that drifted and matches (channel, label)."""
        return self.get("/v1/drift", list[views.DriftView], query)

    def drift_report(self, **query: Any) -> views.DriftReport:
        """Drift and lag in sums, of the devices that match (channel, label)."""
        return self.get("/v1/drift/report", views.DriftReport, query)

    def drift_of(self, device_id: str) -> views.DeviceDrift:
        """One device's drift by key path."""
        return self.get(f"/v1/devices/{safe(device_id)}/drift", views.DeviceDrift)

    def adoption(self, device_id: str) -> views.AdoptionView:
        """What a device's own change would be as the fleet's."""
        return self.get(f"/v1/devices/{safe(device_id)}/drift/adoption", views.AdoptionView)

    def adopt(self, device_id: str, body: views.AdoptBody) -> views.AdoptionView:
        """Take over what the release opens, as the device's own values."""
        return self.send("POST", f"/v1/devices/{safe(device_id)}/drift/adopt", body, views.AdoptionView)

    def remediate(self, body: views.RemediateBody) -> list[views.DeviceOutcome]:
        """Have the applied config written back."""
        return self.send("POST", "/v1/drift/remediate", body, list[views.DeviceOutcome])

    def ignored(self) -> list[views.IgnoredView]:
        """Key paths whose drift is not counted."""
        return self.get("/v1/drift/ignored", list[views.IgnoredView])

    def ignore(self, body: views.IgnoreBody) -> list[views.IgnoredView]:
        """Ignore a key path until a time; all rules after it."""
        return self.send("POST", "/v1/drift/ignored", body, list[views.IgnoredView])

    def heed(self, body: views.UnignoreBody) -> list[views.IgnoredView]:
        """Take an ignore rule away; all rules after it."""
        return self.send("POST", "/v1/drift/ignored/remove", body, list[views.IgnoredView])

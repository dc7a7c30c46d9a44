"""Parcels."""

from __future__ import annotations

import msgspec

from pyv_fleet.client.transport import Transport, safe
from pyv_fleet.core.views import ParcelOrder


class Parcels(Transport):
    """Calls about: the orders in force, to be carried by hand or by SSH."""

    def channel_parcel(self, channel: str) -> bytes:
        """The channel's orders in force, for any of its devices."""
        return self.answer("GET", f"/v1/channels/{safe(channel)}/parcel").content

    def order_parcel(self, channel: str, release: str, reason: str) -> bytes:
        """Order a release on a channel that no device follows over the network, packed; Conflict if one does."""
        body = msgspec.json.encode(ParcelOrder(release=release, reason=reason))
        return self.answer("POST", f"/v1/channels/{safe(channel)}/parcel", body).content

    def device_parcel(self, device_id: str) -> bytes:
        """One device's, with its assignment."""
        return self.answer("GET", f"/v1/devices/{safe(device_id)}/parcel").content

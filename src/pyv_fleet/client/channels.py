"""Channels."""

from __future__ import annotations

from pyv_fleet.client.transport import Transport, safe
from pyv_fleet.core import views


class Channels(Transport):
    """Calls about: channels."""

    def channels(self) -> list[views.ChannelView]:
        """Every channel."""
        return self.get("/v1/channels", list[views.ChannelView])

    def channel(self, name: str) -> views.ChannelView:
        """One channel."""
        return self.get(f"/v1/channels/{safe(name)}", views.ChannelView)

    def put_channel(self, name: str, body: views.ChannelBody) -> views.ChannelView:
        """Make a channel or set its terms."""
        return self.send("PUT", f"/v1/channels/{safe(name)}", body, views.ChannelView)

    def refresh_channel(self, name: str, reason: str) -> views.ChannelView:
        """Issue its directive again, with the same rules."""
        body = views.ChannelVerb(reason=reason)
        return self.send("POST", f"/v1/channels/{safe(name)}/refresh", body, views.ChannelView)

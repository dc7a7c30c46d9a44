"""Channels."""

from __future__ import annotations

import msgspec

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

    def put_channel(
        self, name: str, body: views.ChannelBody, *, reason: str | None = None, seen: str | None = None
    ) -> views.ChannelView:
        """Make a channel or set its terms; Conflict if another stands than `seen`."""
        query = {"reason": reason}
        return self.send("PUT", f"/v1/channels/{safe(name)}", body, views.ChannelView, query, seen=seen)

    def delete_channel(self, name: str, reason: str) -> None:
        """Take it away."""
        body = msgspec.json.encode(views.ChannelVerb(reason=reason))
        self.answer("POST", f"/v1/channels/{safe(name)}/delete", body)

    def refresh_channel(self, name: str, reason: str) -> views.ChannelView:
        """Issue its directive again, with the same rules."""
        body = views.ChannelVerb(reason=reason)
        return self.send("POST", f"/v1/channels/{safe(name)}/refresh", body, views.ChannelView)

"""Channels and their standing terms."""

from __future__ import annotations

from litestar import get, post, put
from litestar.params import FromPath, JSONBody

from pyv_fleet.api.context import HasCaller, HasDesk, IfMatch, IfNoneMatch, Why, actor_of
from pyv_fleet.api.guards import may
from pyv_fleet.core.etags import seen_in
from pyv_fleet.core.views import ChannelBody, ChannelVerb, ChannelView
from pyv_fleet.core.words import AuthScope


@get("/v1/channels", opt=may(AuthScope.READ))
async def channels(desk: HasDesk) -> list[ChannelView]:
    """Every channel with its rules."""
    return list(await desk.channels())


@get("/v1/channels/{name:str}", opt=may(AuthScope.READ))
async def channel(desk: HasDesk, name: FromPath[str]) -> ChannelView:
    """One channel."""
    return await desk.channel(name)


@put("/v1/channels/{name:str}", opt=may(AuthScope.OPERATE))
async def put_channel(
    desk: HasDesk,
    caller: HasCaller,
    name: FromPath[str],
    data: JSONBody[ChannelBody],
    reason: Why = "",
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> ChannelView:
    """Make a channel, or set its pace and drift policy; in force with a new generation."""
    seen = seen_in(if_match, if_none_match)
    return await desk.put_channel(name, data, actor_of(caller), reason=reason, seen=seen)


@post("/v1/channels/{name:str}/delete", opt=may(AuthScope.OPERATE), status_code=204)
async def delete(desk: HasDesk, caller: HasCaller, name: FromPath[str], data: JSONBody[ChannelVerb]) -> None:
    """Take a channel away that never ordered anything and that nobody is in."""
    await desk.delete_channel(name, data.reason, actor_of(caller))


@post("/v1/channels/{name:str}/refresh", opt=may(AuthScope.OPERATE), status_code=200)
async def refresh(desk: HasDesk, caller: HasCaller, name: FromPath[str], data: JSONBody[ChannelVerb]) -> ChannelView:
    """Issue the directive again: a new generation with the same rules, which changes nothing on any device."""
    return await desk.refresh_channel(name, data.reason, actor_of(caller))


ROUTES = (channels, channel, put_channel, delete, refresh)

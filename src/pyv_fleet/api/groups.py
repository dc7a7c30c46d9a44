"""Groups of devices: labels and values that their members share."""

from __future__ import annotations

from litestar import get, post, put
from litestar.params import FromPath, JSONBody

from pyv_fleet.api.context import After, HasCaller, HasDesk, IfMatch, IfNoneMatch, Limit, actor_of
from pyv_fleet.api.guards import may
from pyv_fleet.core.etags import seen_in
from pyv_fleet.core.views import GroupBody, GroupMemberView, GroupVerb, GroupView, Page
from pyv_fleet.core.words import AuthScope


@get("/v1/groups", opt=may(AuthScope.READ))
async def groups(desk: HasDesk) -> list[GroupView]:
    """Every group, and how far its values have come."""
    return list(await desk.groups.every())


@get("/v1/groups/{name:str}", opt=may(AuthScope.READ))
async def group(desk: HasDesk, name: FromPath[str]) -> GroupView:
    """One group."""
    return await desk.groups.get(name)


@get("/v1/groups/{name:str}/members", opt=may(AuthScope.READ))
async def members(desk: HasDesk, name: FromPath[str], after: After = None, limit: Limit = 100) -> Page[GroupMemberView]:
    """Who is in, and how each does with what it was given."""
    return await desk.groups.members(name, after, limit)


@put("/v1/groups/{name:str}", opt=may(AuthScope.OPERATE))
async def put_group(
    desk: HasDesk,
    caller: HasCaller,
    name: FromPath[str],
    data: JSONBody[GroupBody],
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> GroupView:
    """Make a group or set it whole, checked against every member's releases first; the same again does nothing."""
    return await desk.groups.put(name, data, actor_of(caller), seen=seen_in(if_match, if_none_match))


@post("/v1/groups/{name:str}/delete", opt=may(AuthScope.OPERATE), status_code=200)
async def delete(desk: HasDesk, caller: HasCaller, name: FromPath[str], data: JSONBody[GroupVerb]) -> GroupView:
    """Take its labels away at once, its values step by step, and then the group."""
    return await desk.groups.delete(name, data, actor_of(caller))


@post("/v1/groups/{name:str}/revert", opt=may(AuthScope.OPERATE), status_code=200)
async def revert(desk: HasDesk, caller: HasCaller, name: FromPath[str], data: JSONBody[GroupVerb]) -> GroupView:
    """Go back to the values that all members had before the last change, at once."""
    return await desk.groups.revert(name, data, actor_of(caller))


@post("/v1/groups/{name:str}/resume", opt=may(AuthScope.OPERATE), status_code=200)
async def resume(desk: HasDesk, caller: HasCaller, name: FromPath[str], data: JSONBody[GroupVerb]) -> GroupView:
    """Go on without the members that stopped it."""
    return await desk.groups.resume(name, data, actor_of(caller))


ROUTES = (groups, group, members, put_group, delete, revert, resume)

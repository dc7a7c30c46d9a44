"""Policies: how releases reach a channel."""

from __future__ import annotations

from litestar import delete, get, put
from litestar.params import FromPath, JSONBody

from pyv_fleet.api.context import HasCaller, HasDesk, IfMatch, IfNoneMatch, Why, actor_of
from pyv_fleet.api.guards import may
from pyv_fleet.core.etags import seen_in
from pyv_fleet.core.policy import Policy
from pyv_fleet.core.views import PolicyView
from pyv_fleet.core.words import AuthScope


@get("/v1/policies", opt=may(AuthScope.READ))
async def policies(desk: HasDesk) -> list[PolicyView]:
    """Every policy and the channels that name it."""
    return list(await desk.policies.every())


@get("/v1/policies/{name:str}", opt=may(AuthScope.READ))
async def policy(desk: HasDesk, name: FromPath[str]) -> PolicyView:
    """One policy."""
    return await desk.policies.get(name)


@put("/v1/policies/{name:str}", opt=may(AuthScope.ADMIN))
async def put_policy(
    desk: HasDesk,
    caller: HasCaller,
    name: FromPath[str],
    data: JSONBody[Policy],
    reason: Why = "",
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> PolicyView:
    """Make a policy, or set all its terms; an admin's act, for it says who must approve what."""
    seen = seen_in(if_match, if_none_match)
    return await desk.policies.put(name, data, actor_of(caller), reason=reason, seen=seen)


@delete("/v1/policies/{name:str}", opt=may(AuthScope.ADMIN))
async def delete_policy(desk: HasDesk, caller: HasCaller, name: FromPath[str], reason: Why = "") -> None:
    """Take a policy away that no channel names."""
    await desk.policies.delete(name, actor_of(caller), reason)


ROUTES = (policies, policy, put_policy, delete_policy)

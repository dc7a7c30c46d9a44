"""Enrolment tokens of devices, keys of people and programs: made once, shown once."""

from __future__ import annotations

from litestar import Response, post
from litestar.params import JSONBody

from pyv_fleet.api.context import HasCaller, HasDesk, actor_of
from pyv_fleet.api.guards import may
from pyv_fleet.api.idempotency import SHOWN_ONCE
from pyv_fleet.core.keys import KeyMade, KeySpec
from pyv_fleet.core.views import TokenMade, TokenSpec
from pyv_fleet.core.words import AuthScope


@post("/v1/tokens", opt={**may(AuthScope.ADMIN), **SHOWN_ONCE})
async def create(desk: HasDesk, caller: HasCaller, data: JSONBody[TokenSpec]) -> Response[TokenMade]:
    """Make an enrolment token; this answer is the only place where it is ever shown."""
    made = await desk.create_token(data, actor_of(caller))
    return Response(made, status_code=201, headers={"Cache-Control": "no-store"})


@post("/v1/keys", opt={**may(AuthScope.ADMIN), **SHOWN_ONCE})
async def create_key(desk: HasDesk, caller: HasCaller, data: JSONBody[KeySpec]) -> Response[KeyMade]:
    """Make a person's or program's key; this answer is the only place where it is ever shown."""
    made = await desk.create_key(data, actor_of(caller))
    return Response(made, status_code=201, headers={"Cache-Control": "no-store"})


ROUTES = (create, create_key)

"""Devices for people and programs: list, look at, ask."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from pyv_fleet.api.context import After, HasCaller, HasDesk, Limit, actor_of
from pyv_fleet.api.guards import may
from pyv_fleet.core.views import AssignmentView, DevicePatch, DeviceVerb, DeviceView, Page
from pyv_fleet.core.words import AuthScope
from pyvorin_edge.identity import parse_label
from pyvorin_edge.report import Response as DeviceResponse
from pyvorin_edge.vocabulary import Connectivity, Standing, Verb

Label = Annotated[
    list[str] | None, QueryParameter(name="label", max_items=16, description="key=value, repeated: all must hold")
]


class RequestBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /v1/devices/{id}/requests."""

    verb: Verb
    args: dict[str, Any] = {}


@get("/v1/devices", opt=may(AuthScope.READ))
async def devices(
    desk: HasDesk,
    channel: FromQuery[str | None] = None,
    label: Label = None,
    connectivity: FromQuery[Connectivity | None] = None,
    standing: FromQuery[Standing | None] = None,
    after: After = None,
    limit: Limit = 100,
) -> Page[DeviceView]:
    """Devices by id, filtered by channel, labels, connectivity and standing."""
    labels = dict(parse_label(one) for one in label or ())
    return await desk.devices(channel, labels, connectivity, standing, after, limit)


@get("/v1/devices/{device_id:str}", opt=may(AuthScope.READ))
async def device(desk: HasDesk, device_id: FromPath[str]) -> DeviceView:
    """One device: connectivity, health, update and drift."""
    return await desk.device(device_id)


@post("/v1/devices/{device_id:str}/requests", opt=may(AuthScope.OPERATE), status_code=200)
async def request_of(
    desk: HasDesk, caller: HasCaller, device_id: FromPath[str], data: JSONBody[RequestBody]
) -> DeviceResponse:
    """Ask one device for a report, snapshot, logs or to remediate; waits at most 10 s for its answer, then 504."""
    return await desk.request(device_id, data.verb, data.args, actor_of(caller))


@get("/v1/devices/{device_id:str}/assignment", opt=may(AuthScope.READ))
async def assignment(desk: HasDesk, device_id: FromPath[str]) -> AssignmentView:
    """What one device is told for itself: channel, labels, overlay, pin, time zone."""
    return await desk.assignments.get(device_id)


@patch("/v1/devices/{device_id:str}", opt=may(AuthScope.OPERATE))
async def change(
    desk: HasDesk, caller: HasCaller, device_id: FromPath[str], data: JSONBody[DevicePatch]
) -> AssignmentView:
    """Set channel, labels, overlay, pin or time zone of one device, each checked first; the same again does nothing."""
    return await desk.assignments.change(device_id, data, actor_of(caller))


@post("/v1/devices/{device_id:str}/quarantine", opt=may(AuthScope.OPERATE), status_code=200)
async def quarantine(
    desk: HasDesk, caller: HasCaller, device_id: FromPath[str], data: JSONBody[DeviceVerb]
) -> AssignmentView:
    """Shut one device out: API and broker refuse its certificate, and its session ends."""
    return await desk.quarantine.impose(device_id, data.reason, actor_of(caller))


@post("/v1/devices/{device_id:str}/unquarantine", opt=may(AuthScope.OPERATE), status_code=200)
async def unquarantine(
    desk: HasDesk, caller: HasCaller, device_id: FromPath[str], data: JSONBody[DeviceVerb]
) -> AssignmentView:
    """Let it in again: its certificate counts as before."""
    return await desk.quarantine.lift(device_id, data.reason, actor_of(caller))


ROUTES = (devices, device, request_of, assignment, change, quarantine, unquarantine)

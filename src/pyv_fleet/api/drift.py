"""Drift: who drifted, where, and back."""

from __future__ import annotations

from litestar import get, post
from litestar.params import FromPath, JSONBody

from pyv_fleet.api.context import HasCaller, HasDesk, actor_of
from pyv_fleet.api.guards import may
from pyv_fleet.core.views import DeviceDrift, DeviceOutcome, DriftView, RemediateBody
from pyv_fleet.core.words import AuthScope


@get("/v1/drift", opt=may(AuthScope.READ))
async def drift(desk: HasDesk) -> list[DriftView]:
    """Every device that drifted, also those that lag besides."""
    return list(await desk.drift())


@get("/v1/devices/{device_id:str}/drift", opt=may(AuthScope.READ))
async def drift_of(desk: HasDesk, device_id: FromPath[str]) -> DeviceDrift:
    """One device's drift by key path; values redacted, from the device itself if it answers in 5 s."""
    return await desk.drift_of(device_id)


@post("/v1/drift/remediate", opt=may(AuthScope.OPERATE), status_code=200)
async def remediate(desk: HasDesk, caller: HasCaller, data: JSONBody[RemediateBody]) -> list[DeviceOutcome]:
    """Have the applied config written back over the live one, for the devices named or all that drifted."""
    return list(await desk.remediate(data, actor_of(caller)))


ROUTES = (drift, drift_of, remediate)

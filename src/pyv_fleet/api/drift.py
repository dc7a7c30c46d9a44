"""Drift: who drifted, where, what is ignored, and back."""

from __future__ import annotations

from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody

from pyv_fleet.api.context import HasCaller, HasDesk, actor_of
from pyv_fleet.api.devices import Label
from pyv_fleet.api.guards import may
from pyv_fleet.core.views import (
    AdoptBody,
    AdoptionView,
    DeviceDrift,
    DeviceOutcome,
    DriftReport,
    DriftView,
    IgnoreBody,
    IgnoredView,
    RemediateBody,
    UnignoreBody,
)
from pyv_fleet.core.words import AuthScope
from pyvorin_edge.identity import parse_label


@get("/v1/drift", opt=may(AuthScope.READ))
async def drift(desk: HasDesk, channel: FromQuery[str | None] = None, label: Label = None) -> list[DriftView]:
    """Every device that drifted, also those that lag besides; filtered by channel and labels."""
    return list(await desk.drifts.every(channel, dict(parse_label(one) for one in label or ())))


@get("/v1/drift/report", opt=may(AuthScope.READ))
async def report(desk: HasDesk, channel: FromQuery[str | None] = None, label: Label = None) -> DriftReport:
    """Drift and lag in sums: by channel, group, kind and key path."""
    return await desk.drifts.report(channel, dict(parse_label(one) for one in label or ()))


@get("/v1/drift/ignored", opt=may(AuthScope.READ))
async def ignored(desk: HasDesk) -> list[IgnoredView]:
    """Key paths whose drift is not counted, each with its reason and its end."""
    return list(await desk.drifts.ignores.every())


@post("/v1/drift/ignored", opt=may(AuthScope.OPERATE), status_code=200)
async def ignore(desk: HasDesk, caller: HasCaller, data: JSONBody[IgnoreBody]) -> list[IgnoredView]:
    """Ignore a key path on a channel until a time; it takes the place of a rule for the same pointer."""
    return list(await desk.drifts.ignores.add(data, actor_of(caller)))


@post("/v1/drift/ignored/remove", opt=may(AuthScope.OPERATE), status_code=200)
async def heed(desk: HasDesk, caller: HasCaller, data: JSONBody[UnignoreBody]) -> list[IgnoredView]:
    """Take an ignore rule away: drift there counts again."""
    return list(await desk.drifts.ignores.remove(data, actor_of(caller)))


@get("/v1/devices/{device_id:str}/drift", opt=may(AuthScope.READ))
async def drift_of(desk: HasDesk, device_id: FromPath[str]) -> DeviceDrift:
    """One device's drift by key path; values redacted, from the device itself if it answers in 5 s."""
    return await desk.drifts.of(device_id)


@get("/v1/devices/{device_id:str}/drift/adoption", opt=may(AuthScope.READ))
async def adoption(desk: HasDesk, device_id: FromPath[str]) -> AdoptionView:
    """What a device's own change would be as the fleet's, key by key; the device is asked. 409 unless it drifted."""
    return await desk.drifts.adoptions.look(device_id)


@post("/v1/devices/{device_id:str}/drift/adopt", opt=may(AuthScope.OPERATE), status_code=200)
async def adopt(desk: HasDesk, caller: HasCaller, device_id: FromPath[str], data: JSONBody[AdoptBody]) -> AdoptionView:
    """Take over what the release opens, as the device's own values: its live config is then golden."""
    return await desk.drifts.adoptions.adopt(device_id, data, actor_of(caller))


@post("/v1/drift/remediate", opt=may(AuthScope.OPERATE), status_code=200)
async def remediate(desk: HasDesk, caller: HasCaller, data: JSONBody[RemediateBody]) -> list[DeviceOutcome]:
    """Have the applied config written back over the live one, for the devices named or all that drifted."""
    return list(await desk.drifts.remediate(data, actor_of(caller)))


ROUTES = (drift, report, ignored, ignore, heed, drift_of, adoption, adopt, remediate)

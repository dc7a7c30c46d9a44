"""Parcels: the orders in force as one file, for devices that are reached by hand or by SSH."""

from __future__ import annotations

from typing import Final

from litestar import Response, get, post
from litestar.params import FromPath, JSONBody

from pyv_fleet.api.context import HasCaller, HasDesk, actor_of
from pyv_fleet.api.guards import may
from pyv_fleet.core.views import ParcelOrder
from pyv_fleet.core.words import AuthScope

#: a parcel is JSON, and goes out byte for byte as it was packed
MEDIA_TYPE: Final = "application/json"


@get("/v1/channels/{name:str}/parcel", opt=may(AuthScope.OPERATE), media_type=MEDIA_TYPE)
async def channel_parcel(desk: HasDesk, name: FromPath[str]) -> Response[bytes]:
    """The channel's directive in force, trust documents, and every release that it names with its config."""
    return Response(await desk.parcels.of_channel(name), media_type=MEDIA_TYPE)


@get("/v1/devices/{device_id:str}/parcel", opt=may(AuthScope.OPERATE), media_type=MEDIA_TYPE)
async def device_parcel(desk: HasDesk, device_id: FromPath[str]) -> Response[bytes]:
    """The same for one device: with its assignment, and the releases alone that it may be asked for."""
    return Response(await desk.parcels.of_device(device_id), media_type=MEDIA_TYPE)


@post("/v1/channels/{name:str}/parcel", opt=may(AuthScope.OPERATE), status_code=200, media_type=MEDIA_TYPE)
async def order_parcel(
    desk: HasDesk, caller: HasCaller, name: FromPath[str], data: JSONBody[ParcelOrder]
) -> Response[bytes]:
    """Order a release on a channel that no device follows over the network, and pack it: devices there are reached by
    hand or by SSH alone. 409 if one does: that is what a rollout is for."""
    return Response(await desk.parcels.order(name, data.release, data.reason, actor_of(caller)), media_type=MEDIA_TYPE)


ROUTES = (order_parcel, channel_parcel, device_parcel)

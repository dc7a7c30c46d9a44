"""Orders that are carried by hand or by SSH."""

from __future__ import annotations

import msgspec

from pyv_fleet.core.views.page import Reason


class ParcelOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /v1/channels/{name}/parcel."""

    #: version or digest
    release: str
    reason: Reason

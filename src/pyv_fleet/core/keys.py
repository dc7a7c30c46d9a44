"""Keys of people and programs, as the API takes and shows them."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import msgspec
from msgspec import Meta

from pyv_fleet.core.words import AuthScope


class KeySpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /v1/keys: a key of a person or program."""

    #: as it stands in the audit log; no two keys share one
    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$(?!\n)")]
    scope: AuthScope
    #: none = until it is withdrawn
    valid_seconds: Annotated[int, Meta(ge=60, le=315_360_000)] | None = None


class KeyMade(msgspec.Struct, frozen=True, kw_only=True):
    """The only time that a key is shown."""

    id: str
    name: str
    scope: AuthScope
    key: str
    expires_at: dt.datetime | None

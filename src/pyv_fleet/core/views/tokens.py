"""Enrolment tokens."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import msgspec
from msgspec import Meta


class TokenSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /v1/tokens: an enrolment token, one-time or counted."""

    uses: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    channel: str = "stable"
    labels: dict[str, str] = {}
    #: bound to this id: may replace its key (a reflashed card)
    device_id: str | None = None
    valid_seconds: Annotated[int, Meta(ge=60, le=31_536_000)] = 86_400


class TokenMade(msgspec.Struct, frozen=True, kw_only=True):
    """The only time that a token is shown."""

    id: str
    token: str
    expires_at: dt.datetime

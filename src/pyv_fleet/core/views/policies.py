"""Policies, as the API shows them."""

from __future__ import annotations

import datetime as dt

import msgspec

from pyv_fleet.core.policy import Policy


class PolicyView(msgspec.Struct, frozen=True, kw_only=True):
    """A named policy, who set it last and when, and which channels name it. PUT takes the `terms`."""

    name: str
    terms: Policy
    changed_by: str
    changed_at: dt.datetime
    channels: tuple[str, ...] = ()
    #: of its terms: `If-Match` holds a change to it
    etag: str = ""

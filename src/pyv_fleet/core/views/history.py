"""Histories of devices and channels."""

from __future__ import annotations

import datetime as dt

import msgspec

from pyv_fleet.core.words import Happening


class HistoryView(msgspec.Struct, frozen=True, kw_only=True):
    """One line: what happened when, and by whom where it was a person's doing."""

    at: dt.datetime
    what: Happening
    detail: str
    by: str | None = None


class HistoryPage(msgspec.Struct, frozen=True, kw_only=True):
    """The newest lines first; `next` is the place to ask for as `?after=`, none at the end."""

    items: tuple[HistoryView, ...]
    next: str | None = None

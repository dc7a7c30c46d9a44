"""Pages of lists, reasons, and problems: what every noun of the API shares."""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

import msgspec
from msgspec import Meta

T = TypeVar("T")
Reason = Annotated[str, Meta(min_length=1, max_length=512)]


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One page of a list; `next` is the key to ask for as `?after=`, none at the end."""

    items: tuple[T, ...]
    next: str | None = None
    #: how many match in all
    total: int


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """RFC 9457 problem details; `errors` names each field that is wrong."""

    title: str
    status: int
    detail: str = ""
    type: str = "about:blank"
    errors: tuple[str, ...] = ()

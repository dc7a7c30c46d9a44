"""Silences: which alerts are told to nobody for a while. They mute the telling, never the state. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from pyv_fleet.core.selectors import in_where, where_text

SILENCE_SECONDS_MAX = 365 * 86_400
Names = Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=64)], ...], Meta(max_length=64)]


class Matcher(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which alerts are meant: all that is said must fit; what is left empty fits all."""

    #: of alerts
    names: Names = ()
    device_ids: Names = ()
    #: label values of its device, or of what it is about
    where: Annotated[dict[str, tuple[str, ...]], Meta(max_length=4)] = {}
    #: said in so many words, where nothing else is
    everything: bool = False

    @property
    def says_something(self) -> bool:
        """Whether anything is said; a matcher that says nothing is a slip."""
        return bool(self.names or self.device_ids or self.where) != self.everything

    def fits(self, name: str, device_id: str | None, labels: Mapping[str, str]) -> bool:
        """Whether an alert is meant."""
        if self.names and name not in self.names:
            return False
        if self.device_ids and device_id not in self.device_ids:
            return False
        return in_where(self.where, labels)

    def __str__(self) -> str:
        parts = [f"alert={','.join(self.names)}"] if self.names else []
        parts += [f"device={','.join(self.device_ids)}"] if self.device_ids else []
        parts += [where_text(self.where)] if self.where else []
        return " ".join(parts) or "everything"


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """A matcher and its time: [begins_at, ends_at) in Unix ms."""

    id: str
    matcher: Matcher
    begins_at: int
    ends_at: int

    def mutes(self, name: str, device_id: str | None, labels: Mapping[str, str], now_ms: int) -> bool:
        """Whether it keeps this alert from being told now."""
        return self.begins_at <= now_ms < self.ends_at and self.matcher.fits(name, device_id, labels)


def muting(
    silences: Iterable[Silence], name: str, device_id: str | None, labels: Mapping[str, str], now_ms: int
) -> str | None:
    """The id of a silence that mutes an alert now; the one that lasts longest."""
    found = [one for one in silences if one.mutes(name, device_id, labels, now_ms)]
    return max(found, key=lambda one: one.ends_at).id if found else None

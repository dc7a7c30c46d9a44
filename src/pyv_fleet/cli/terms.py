"""A channel's terms as a person says them: what is not said stays, an empty word takes away."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click
import msgspec

if TYPE_CHECKING:
    from pyv_fleet.core.views import ChannelBody

PLAIN = (
    "drift_policy",
    "beat_seconds",
    "report_seconds",
    "keepalive_seconds",
    "settle_seconds",
    "overdue_seconds",
    "download_bytes_per_second",
)


def changed_terms(before: ChannelBody, said: Mapping[str, Any]) -> ChannelBody:
    """The terms after what was said; click.UsageError for a word that cannot be read."""
    from pyv_fleet.core.views import ChannelBody

    after = msgspec.to_builtins(before)
    after |= {name: said[name] for name in PLAIN if said[name] is not None}
    if after["drift_policy"] == "heal":
        after["drift_policy"] = "remediate"
    if said["policy"] is not None:
        after["policy"] = said["policy"] or None
    after["herd"] = _herd(after["herd"], said)
    after["window"] = _window(after["window"], said)
    for name, none, read in (("freezes", "no_freeze", _freeze), ("hold_outs", "no_hold_out", _hold_out)):
        kept = [] if said[none] else after[name]
        after[name] = [*kept, *(_read(name, read, text) for text in said[name])]
    try:
        return msgspec.convert(after, ChannelBody)
    except msgspec.ValidationError as why:
        raise click.UsageError(str(why)) from None


def _window(before: dict[str, Any] | None, said: Mapping[str, Any]) -> dict[str, Any] | None:
    after = dict(before or {"activate": None, "download": None})
    for key, name in (("activate", "window"), ("download", "download_window")):
        if said[name] is not None:
            after[key] = _span(said[name])
    return after if any(after.values()) else None


def _herd(before: dict[str, Any] | None, said: Mapping[str, Any]) -> dict[str, Any] | None:
    """`20`, or `site=2`."""
    after = before
    if said["herd"] is not None:
        label, equals, count = said["herd"].rpartition("=")
        if said["herd"] and (not count.isdecimal() or (equals and not label)):
            raise click.UsageError(f"--herd {said['herd']!r}: write 20, or site=2")
        after = {**(before or {}), "at_once": int(count), "label": label or None} if said["herd"] else None
    if said["herd_silent_seconds"] is not None:
        if after is None:
            raise click.UsageError("--herd-silent-seconds: there is no herd; say --herd site=2 with it")
        after = {**after, "silent_seconds": said["herd_silent_seconds"]}
    return after


def _span(text: str) -> Any:
    from pyv_fleet.core.spans import SpanError, parse_span

    try:
        return msgspec.to_builtins(parse_span(text)) if text else None
    except SpanError as why:
        raise click.UsageError(str(why)) from None


def _read(name: str, read: Callable[[str], dict[str, Any]], text: str) -> dict[str, Any]:
    try:
        return read(text)
    except ValueError as why:
        raise click.UsageError(f"--{name.rstrip('s').replace('_', '-')} {text!r}: {why}") from None


def _freeze(text: str) -> dict[str, Any]:
    span, _, reason = text.partition(" ")
    begins, slash, ends = span.partition("/")
    if not slash or not reason.strip():
        raise ValueError("write BEGIN/END WHY, times as in 2026-12-20T00:00Z")
    return {"begins_at": _moment(begins), "ends_at": _moment(ends), "reason": reason.strip()}


def _moment(text: str) -> str:
    import datetime as dt

    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} says no time zone: end it with Z or +01:00")
    return moment.isoformat()


def _hold_out(text: str) -> dict[str, Any]:
    where, at, release = text.rpartition("@")
    label, equals, values = where.partition("=")
    if not at or not equals or not release:
        raise ValueError("write site=lab@VERSION")
    return {"where": {label: values.split(",")}, "release": release}
